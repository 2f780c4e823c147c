package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSweepKilled kills a sweep of six runs, with all processes of it, at twenty random instants
// and then lets it end. No run is trained twice, and each has the same bits as in a sweep that was
// never stopped.
func TestSweepKilled(t *testing.T) {
	sweep := sixRuns(t)
	root := filepath.Dir(sweep)
	start := func(out string) (*exec.Cmd, *bytes.Buffer) {
		c := exec.Command("shake", "sweep", sweep, "--out", filepath.Join(root, out), "--device", "cpu", "--jobs", "2")
		said := new(bytes.Buffer)
		c.Stderr = said
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c, said
	}
	began := time.Now()
	whole, said := start("whole")
	if err := whole.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	long := time.Since(began)

	kills := 20
	if testing.Short() {
		kills = 4
	}
	done := map[string][]byte{} // run.json of the runs that were finished when a sweep was killed
	random := rand.New(rand.NewPCG(1, 2))
	for range kills {
		c, _ := start("killed")
		time.Sleep(time.Duration(random.Int64N(int64(long))))
		c.Process.Kill() // the system sends SIGTERM to its runs
		c.Wait()
		for _, run := range finishedRuns(t, filepath.Join(root, "killed")) {
			if b, err := os.ReadFile(filepath.Join(run, "run.json")); err == nil && done[run] == nil {
				done[run] = b
			}
		}
	}
	for tries := 0; ; tries++ {
		c, said := start("killed")
		if err := c.Wait(); err == nil {
			break
		} else if tries > 20 { // the runs of the last sweep may still write their checkpoints
			t.Fatalf("%v\n%s", err, said)
		}
		time.Sleep(100 * time.Millisecond)
	}
	for run, before := range done {
		if after, err := os.ReadFile(filepath.Join(run, "run.json")); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s was finished and ran again (%v)", run, err)
		}
	}
	runs := finishedRuns(t, filepath.Join(root, "whole"))
	if len(runs) != 6 {
		t.Fatalf("%d finished runs, want 6", len(runs))
	}
	for _, run := range runs {
		rel, _ := filepath.Rel(filepath.Join(root, "whole"), run)
		for _, file := range []string{"last.safetensors", "metrics.jsonl"} {
			want, err := os.ReadFile(filepath.Join(run, file))
			if err != nil {
				t.Fatal(err)
			}
			if have, err := os.ReadFile(filepath.Join(root, "killed", rel, file)); err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s/%s is not that of the sweep never stopped (%v)", rel, file, err)
			}
		}
	}
}

// sixRuns writes a sweep of six short runs into a folder of its own and returns its file.
func sixRuns(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	net, err := os.ReadFile("testdata/tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	sweep := []byte("net = \"tiny.toml\"\nset = [\"train.epochs=6\"]\nseeds = [1, 2, 3]\n[[row]]\nname = \"a\"\n[[row]]\nname = \"b\"\nset = [\"shake.backward=even\"]\n")
	for name, text := range map[string][]byte{"tiny.toml": net, "six.toml": sweep} {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "six.toml")
}

// finishedRuns are the run directories of a sweep whose record says that they are finished.
func finishedRuns(t *testing.T, dir string) (runs []string) {
	t.Helper()
	for _, row := range []string{"a", "b"} {
		for _, seed := range []string{"seed-1", "seed-2", "seed-3"} {
			run := filepath.Join(dir, row, seed)
			b, err := os.ReadFile(filepath.Join(run, "run.json"))
			if err != nil {
				continue
			}
			var rec struct{ Status string }
			if err := json.Unmarshal(b, &rec); err != nil {
				t.Errorf("%s: %v", run, err)
			}
			if rec.Status == "finished" {
				runs = append(runs, run)
			}
		}
	}
	return runs
}
