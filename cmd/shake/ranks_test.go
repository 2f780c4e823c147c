package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
	"shake/dsl"
	"shake/internal/exhaustive"
	"shake/internal/gpustat"
	"shake/internal/train"
)

// ranks is a run of two processes on two emulated cards.
type ranks struct {
	*exec.Cmd
	t      *testing.T
	dir    string
	stderr *bytes.Buffer
	lines  *bufio.Scanner
	other  int // process of rank 1
}

// twoRanks starts a run that does not end by itself, and waits until it has made some steps.
func twoRanks(t *testing.T, env ...string) *ranks {
	t.Helper()
	r := startRanks(t, nil, env...)
	for steps := 0; steps < 2; {
		if !r.lines.Scan() {
			r.Wait()
			t.Fatalf("the run ended early: %s", r.stderr)
		}
		if strings.Contains(r.lines.Text(), `"event":"step"`) {
			steps++
		}
	}
	return r
}

// startRanks starts a run that does not end by itself, and waits until it has two processes.
func startRanks(t *testing.T, args []string, env ...string) *ranks {
	t.Helper()
	if testing.Short() {
		t.Skip("kernels for the emulator take long to compile")
	}
	folder, err := emu.Build()
	if err != nil {
		t.Skip(err)
	}
	r := &ranks{t: t, dir: filepath.Join(t.TempDir(), "run"), stderr: new(bytes.Buffer)}
	r.Cmd = exec.Command("shake", "run", "testdata/tiny.toml", "--device", "gpu:0,1", "--out", r.dir, "--json", "-o", "train.epochs=50000", "-o", "train.log_steps=1", "-o", "train.checkpoint_steps=2")
	r.Args = append(r.Args, args...)
	r.Env = append(os.Environ(), emu.PathVariable+"="+folder, cuda.KernelCacheVariable+"="+cuda.DefaultKernelCache().Dir, "SHAKE_AUTOTUNE=0", "XDG_CACHE_HOME="+t.TempDir())
	r.Env = append(r.Env, env...)
	r.Stderr = r.stderr
	r.lines = bufio.NewScanner(pipe(t, r.StdoutPipe))
	start(t, r.Cmd)
	for end := time.Now().Add(60 * time.Second); r.other == 0; time.Sleep(10 * time.Millisecond) {
		if r.other = rankOf(t, r.Process.Pid); time.Now().After(end) {
			t.Fatal("rank 0 has no child")
		}
	}
	return r
}

// rankOf is the rank that a process has started; 0: there is none yet. Go's runtime has children
// too, for moments.
func rankOf(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stats {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
		if args := bytes.Split(line, []byte{0}); len(args) > 1 && string(args[1]) == "rank" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			return pid
		}
	}
	return 0
}

// ends waits for rank 0, not longer than ten seconds and the time that a busy machine takes.
func (r *ranks) ends() (code int) {
	r.t.Helper()
	go io.Copy(io.Discard, neverEnds{r.lines})
	done := make(chan error, 1)
	go func() { done <- r.Wait() }()
	select {
	case <-done:
	case <-time.After(90 * time.Second):
		r.t.Fatalf("still there after 90 seconds: %s", r.stderr)
	}
	return r.ProcessState.ExitCode()
}

// neverEnds reads the lines that are left.
type neverEnds struct{ s *bufio.Scanner }

func (n neverEnds) Read(b []byte) (int, error) {
	if !n.s.Scan() {
		return 0, io.EOF
	}
	return min(len(b), 1), nil
}

// gone waits for the end of a process that is not this one's child.
func (r *ranks) gone(pid int) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || bytes.Contains(b, []byte(") Z ")) {
			return
		}
	}
	r.t.Errorf("process %d is still there", pid)
}

// resumes continues the run on one card.
func (r *ranks) resumes() {
	r.t.Helper()
	c := exec.Command("shake", "run", "--resume", r.dir, "--device", "cpu", "-o", "train.max_steps=1", "-o", "train.epochs=50000")
	if out, err := c.CombinedOutput(); err != nil {
		r.t.Errorf("it does not resume: %v\n%s", err, out)
	}
}

// A rank that is killed, or stops answering, ends the run: one message, which names it and how it
// ended; and the checkpoint is whole.
func TestRankDies(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		want   string
	}{
		{syscall.SIGKILL, `rank 1 \(card 1\) has ended, and the others with it: process \d+: signal: killed`},
		{syscall.SIGSTOP, `rank 1 \(card 1\) has ended, and the others with it: nothing was heard of it for 6s`},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			if c.signal != syscall.SIGKILL {
				exhaustive.Only(t)
			}
			r := twoRanks(t)
			from := time.Now()
			if err := syscall.Kill(r.other, c.signal); err != nil {
				t.Fatal(err)
			}
			code := r.ends()
			t.Logf("rank 0 ended after %.1f s: %s", time.Since(from).Seconds(), r.stderr)
			said := r.stderr.String()
			if !regexp.MustCompile(c.want).MatchString(said) || strings.Count(said, "shake: ") != 1 || code != exitInternal {
				t.Errorf("exit code %d, %s", code, said)
			}
			r.gone(r.other)
			r.resumes()
		})
	}
}

// The journal of two ranks counts the memory of both processes as the run's own, and of no others.
func TestRanksOwnMemory(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(settings, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	r := twoRanks(t, "SHAKE_EMU_NVML=@"+settings)
	text := fmt.Sprintf("0.processes=%d:3G,1:1G; 1.processes=%d:5G,1:1G", r.Process.Pid, r.other)
	if err := os.WriteFile(settings, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	own, want := map[int]float64{}, map[int]float64{0: 3 << 30, 1: 5 << 30}
	for end := time.Now().Add(20 * time.Second); !maps.Equal(own, want); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the run's own memory, by card: %v, want %v", own, want)
		}
		gpustat.ReadJournal(filepath.Join(r.dir, train.GPUSamplesFile), func(e gpustat.Event) {
			if s, ok := e.(gpustat.Sample); ok {
				own[s.Card] = float64(s.OwnMemory)
			}
		})
	}
	r.Process.Signal(syscall.SIGTERM)
	r.ends()
}

// A card that hangs in a kernel, while its process lives and answers, ends the run: one message,
// which names the rank; the others do not wait for it, and no process is left. It may hang in its
// first kernel, in the first pass, or later.
func TestRankHangs(t *testing.T) {
	for _, c := range []struct {
		card, kernel int
		steps        bool // it makes some before
	}{{0, 150, true}, {1, 150, true}, {1, 20, false}, {0, 5, false}, {1, 1, false}} {
		t.Run(fmt.Sprintf("kernel %d of card %d", c.kernel, c.card), func(t *testing.T) {
			exhaustive.Only(t) // it waits for seconds; TestHangingDevice of the ranks' package is quick
			want := []string{"rank 0 has ended", `rank 1 \(card 1\) has ended`}[c.card]
			env := fmt.Sprintf("SHAKE_EMU_CUDA=%d.hang=%d", c.card, c.kernel)
			var r *ranks
			if c.steps {
				r = twoRanks(t, env)
			} else {
				r = startRanks(t, nil, env)
			}
			from := time.Now()
			code := r.ends()
			said := r.stderr.String()
			t.Logf("rank 0 ended after %.1f s: %s", time.Since(from).Seconds(), said)
			if !regexp.MustCompile(want+", and the others with it: its card has finished nothing for [0-9]+s, and the others wait for it").MatchString(said) || strings.Count(said, "shake: ") != 1 || code != exitInternal {
				t.Errorf("exit code %d, %s", code, said)
			}
			r.gone(r.other)
			if c.kernel > 1 { // the first one runs before there is a checkpoint
				r.resumes()
			}
		})
	}
}

// A rank 0 that is stopped while it makes its data does not keep the other rank.
func TestRankZeroStops(t *testing.T) {
	exhaustive.Only(t)
	r := startRanks(t, []string{"-o", "data.train_images=50000"})
	time.Sleep(2 * time.Second) // longer than from the start to the first beat
	if err := r.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.gone(r.other)
	if said := r.stderr.String(); said != "" {
		t.Errorf("rank 0 had begun: %s", said)
	}
	r.Process.Kill()
	r.ends()
}

// Version, network, seed and data of all ranks are compared before the first step.
func TestRanksDiffer(t *testing.T) {
	spec, _, err := (&netFlags{}).load("testdata/tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := loadData(spec, "")
	if err != nil {
		t.Fatal(err)
	}
	same := mission{Version: revision(), Name: spec.Name, Spec: spec.TOML(), Train: train.Fingerprint(sets.Train), Test: train.Fingerprint(train.Joined(sets.Test, sets.Validation)), World: 2}
	own := func(overrides ...string) *dsl.Spec {
		s, _, err := (&netFlags{overrides: overrides}).load("testdata/tiny.toml")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		own    *dsl.Spec
		change func(*mission)
		want   string
	}{
		{"version", spec, func(m *mission) { m.Version = "0.0.1" }, "rank 1 is shake " + revision() + ", rank 0 shake 0.0.1: start the same program on all"},
		{"network", own("shake.forward=even"), func(*mission) {}, "rank 1 was told to train another network than rank 0, or with another seed"},
		{"seed", own("seed=2"), func(*mission) {}, "rank 1 was told to train another network than rank 0, or with another seed"},
		{"data", spec, func(m *mission) { m.Train += "!" }, "rank 1 has other images than rank 0, from "},
		{"test data", spec, func(m *mission) { m.Test += "!" }, "rank 1 has other images than rank 0, from "},
		{"a network that is none", nil, func(m *mission) { m.Spec = []byte("[net") }, "rank 0's network: "},
		{"orders that are none", nil, nil, "rank 0's orders: "},
	} {
		m := same
		hello := []byte("{")
		if c.change != nil {
			c.change(&m)
			hello, _ = json.Marshal(m)
		}
		if _, err := (&rank{number: 1, own: c.own}).open(hello, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %q", c.name, err, c.want)
		}
	}
}

// When rank 0 is killed the other rank ends too.
func TestRankZeroDies(t *testing.T) {
	exhaustive.Only(t)
	r := twoRanks(t)
	r.Process.Kill()
	r.ends()
	r.gone(r.other)
	r.resumes()
}

// A signal to any rank stops all, after one checkpoint.
func TestRanksStop(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		other  bool
	}{{"Ctrl-C", syscall.SIGINT, false}, {"a notice to rank 1", syscall.SIGTERM, true}} {
		t.Run(c.name, func(t *testing.T) {
			if !c.other {
				exhaustive.Only(t)
			}
			r := twoRanks(t)
			pid := r.Process.Pid
			if c.other {
				pid = r.other
			}
			if err := syscall.Kill(pid, c.signal); err != nil {
				t.Fatal(err)
			}
			code := r.ends()
			said := r.stderr.String()
			if code != exitInterrupted || !strings.Contains(said, "interrupted; the checkpoint is written") || c.other && !strings.Contains(said, "rank 1 was asked to stop (signal 15, terminated)") {
				t.Errorf("exit code %d, %s", code, said)
			}
			r.gone(r.other)
			r.resumes()
		})
	}
}
