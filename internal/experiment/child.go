package experiment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"shake/internal/train"
)

// Progress is the state of a run while it trains.
type Progress struct {
	Epoch, Epochs int     // the epoch being trained, from 1
	Step, Steps   int     // steps done, and steps of the run
	Error         float64 // training error of the epoch so far, per cent
	ImagesPerSec  float64
	ETASeconds    float64
}

// line is a line of "shake run --json", with the fields that this package uses.
type line struct {
	Event        string   `json:"event"`
	Epoch        int      `json:"epoch"`
	Epochs       int      `json:"epochs"`
	Step         int      `json:"step"`
	Steps        int      `json:"steps"`
	Error        *float64 `json:"error"`
	ImagesPerSec float64  `json:"images_per_second"`
	ETASeconds   float64  `json:"eta_seconds"`
}

// command is the command line that trains or resumes a run.
func command(r Run, net string, args, overrides []string) []string {
	var c []string
	if _, err := os.Stat(filepath.Join(r.Dir, train.ConfigFile)); err == nil {
		c = []string{"run", "--resume", r.Dir}
	} else {
		c = []string{"run", net, "-o", fmt.Sprintf("seed=%d", r.Seed), "--out", r.Dir}
	}
	for _, o := range overrides {
		c = append(c, "-o", o)
	}
	return append(append(c, args...), "--json")
}

// Child runs "program args" with env added to this process's environment. It passes each line of
// the output to hear. If the program failed, the error has its last lines on stderr. When ctx ends,
// Child asks the program for a checkpoint and waits for its end. A value from save asks for a
// checkpoint after which the run goes on. The caller's thread must live as long as the child.
func Child(ctx context.Context, program string, args, env []string, save <-chan struct{}, hear func([]byte)) error {
	c := exec.CommandContext(ctx, program, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.SysProcAttr = attributes()
	c.Env = append(os.Environ(), env...)
	said := new(tail)
	c.Stderr = said
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("starting a run: %w", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case <-save:
				c.Process.Signal(syscall.SIGUSR1)
			case <-ended:
				return
			}
		}
	}()
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		hear(s.Bytes())
	}
	io.Copy(io.Discard, out) // the rest behind a line that is too long
	err = c.Wait()
	if err == nil || ctx.Err() != nil {
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		if w.Signal() == syscall.SIGKILL {
			return errors.New("killed (signal 9): the system does so when memory runs out; fewer --jobs, or a smaller batch, need less")
		}
		return fmt.Errorf("ended by signal %d (%v)", int(w.Signal()), w.Signal())
	}
	return &Failed{Code: exit.ExitCode(), Said: said.message()}
}

// Failed means that a run ended with an exit code other than success.
type Failed struct {
	Code int
	Said string // its last words
}

func (e *Failed) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Said
}

// tail keeps the last lines that are written to it.
type tail struct {
	lines []string
	open  bool // the last line has no end yet
}

// kept is the largest number of lines of a tail, and widest the largest number of bytes of a line.
const kept, widest = 20, 400

func (t *tail) Write(b []byte) (int, error) {
	for l := range strings.Lines(string(b)) {
		if !t.open {
			t.lines = append(t.lines, "")
			t.lines = t.lines[max(0, len(t.lines)-kept):]
		}
		last := &t.lines[len(t.lines)-1]
		text, ended := strings.CutSuffix(l, "\n")
		*last += text[:min(len(text), widest-len(*last))]
		t.open = !ended
	}
	return len(b), nil
}

// message is the program's printed error, from the last line that begins with its name; or else the
// last line.
func (t *tail) message() string {
	for i := len(t.lines) - 1; i >= 0; i-- {
		if m, ok := strings.CutPrefix(t.lines[i], "shake: "); ok {
			return strings.TrimSpace(strings.Join(append([]string{m}, t.lines[i+1:]...), "\n"))
		}
	}
	if n := len(t.lines); n > 0 {
		return strings.TrimSpace(t.lines[n-1])
	}
	return ""
}
