package train

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/ref"
)

// The kill test runs this test binary again as a process that trains in SHAKE_KILL_DIR, and kills
// it.
//
//	SHAKE_KILLS=200 SHAKE_KILL_BACKEND=cpu go test -run TestKill ./internal/train
func TestMain(m *testing.M) {
	if dir := os.Getenv("SHAKE_KILL_DIR"); dir != "" {
		os.Exit(victim(dir))
	}
	os.Exit(m.Run())
}

func killBackend() engine.Backend {
	switch name := os.Getenv("SHAKE_KILL_BACKEND"); name {
	case "cpu":
		return cpu.Backend{}
	case "ref":
		return ref.Backend{}
	case "", "toy":
		return toy{bad: -1, pause: time.Millisecond}
	default:
		panic("SHAKE_KILL_BACKEND: want toy, ref or cpu, have " + name)
	}
}

func killOptions(t testing.TB, dir string) Options {
	o := options(t, dir, "train.epochs=6", "train.log_steps=1", "train.checkpoint_steps=3", "train.workers=1")
	o.Backend = killBackend()
	return o
}

// victim begins or resumes the run in dir and reports each durable checkpoint on stdout.
func victim(dir string) int {
	o := killOptions(&testing.B{}, dir)
	_, err := os.Stat(filepath.Join(dir, ConfigFile))
	o.Resume = err == nil
	o.Observer = &crier{}
	o.Background = os.Getpid()%2 == 0
	if _, err := Run(context.Background(), o); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// crier prints the start of a run, every checkpoint and every notice. A kill must cause no notice.
type crier struct{ listener }

func (*crier) Start(d Decisions) { fmt.Println("start", d.Step) }
func (*crier) Saved(s Saved)     { fmt.Println("saved", s.Step) }
func (*crier) Notice(s string)   { fmt.Println("notice", s) }

// TestKill kills training processes with SIGKILL at random instants, at least SHAKE_KILLS (20)
// times, and resumes them. It compares weights, state and metrics with those of a run that was
// never stopped.
func TestKill(t *testing.T) {
	kills := 20
	if s := os.Getenv("SHAKE_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	whole := tempDir(t)
	from := time.Now()
	if code := spawn(t, whole, -1, new(int)); code != 0 {
		t.Fatalf("the run that nobody kills exits with %d", code)
	}
	length := time.Since(from)
	want := result(t, whole)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, a whole run takes %v", seed, length)
	random := rand.New(rand.NewPCG(seed, 0))
	killed, runs := 0, 0
	for killed < kills {
		dir := tempDir(t)
		runs++
		saved := 0
		for {
			code := spawn(t, dir, time.Duration(random.Int64N(int64(length))), &saved)
			if code == 0 {
				break
			}
			if code > 0 {
				t.Fatalf("after %d kills a resumed process exits with %d", killed, code)
			}
			killed++
		}
		same(t, result(t, dir), want)
	}
	t.Logf("%d kills in %d runs", killed, runs)
}

// spawn trains in dir and kills the process after a while (never, if that is negative). It returns
// the exit code, -1 after a kill. saved is the last announced checkpoint; a process that starts
// from an earlier one has lost work.
func spawn(t *testing.T, dir string, after time.Duration, saved *int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SHAKE_KILL_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after >= 0 {
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	s := bufio.NewScanner(out)
	for s.Scan() {
		word, rest, _ := strings.Cut(s.Text(), " ")
		switch step, _ := strconv.Atoi(rest); word {
		case "start":
			if step < *saved {
				t.Errorf("starts at step %d, though step %d was saved", step, *saved)
			}
		case "saved":
			*saved = step
		case "notice", "error":
			if !strings.Contains(rest, "nothing to do") {
				t.Errorf("a killed run says: %s %s", word, rest)
			}
		}
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
