package experiment

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// sh runs a shell script as a child.
func sh(ctx context.Context, script string, hear func(string)) error {
	return Child(ctx, "/bin/sh", []string{"-c", script}, []string{"ADDED=7"}, nil, func(b []byte) { hear(string(b)) })
}

func TestChild(t *testing.T) {
	var heard []string
	hear := func(s string) { heard = append(heard, s) }
	if err := sh(t.Context(), `echo a$ADDED; echo b`, hear); err != nil || strings.Join(heard, " ") != "a7 b" {
		t.Errorf("heard %q, %v", heard, err)
	}
	for script, want := range map[string]string{
		`echo progress >&2; echo "shake: broken" >&2; echo "  twice" >&2; exit 4`: "broken\n  twice",
		`echo odd >&2; exit 4`: "odd",
		`exit 4`:               "exit code 4",
		`kill -9 $$`:           "killed (signal 9): the system does so when memory runs out; fewer --jobs, or a smaller batch, need less",
		`kill -11 $$`:          "ended by signal 11 (segmentation fault)",
	} {
		if err := sh(t.Context(), script, hear); err == nil || err.Error() != want {
			t.Errorf("%s: have %v, want %s", script, err, want)
		}
	}
	if err := sh(t.Context(), `exit 4`, hear); !errors.As(err, new(*Failed)) {
		t.Errorf("have %T", err)
	}
	if err := Child(t.Context(), "/nonexistent", nil, nil, nil, nil); err == nil {
		t.Error("no error without a program")
	}
}

// TestChildIsAskedToStop: at the end of the context the child gets SIGTERM. Child waits for its
// end, which is not a failure.
func TestChildIsAskedToStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stopped := false
	err := sh(ctx, `trap 'echo stopped; exit 130' TERM; echo ready; while :; do sleep 0.01; done`, func(s string) {
		if s == "ready" {
			cancel()
		}
		stopped = stopped || s == "stopped"
	})
	if err != nil || !stopped {
		t.Errorf("stopped %v, %v", stopped, err)
	}
}

// TestChildSaves: a value from save is SIGUSR1 to the child, which goes on.
func TestChildSaves(t *testing.T) {
	save := make(chan struct{}, 1)
	saved := false
	err := Child(t.Context(), "/bin/sh", []string{"-c", `trap 'echo saved; exit 0' USR1; echo ready; while :; do sleep 0.01; done`}, nil, save, func(b []byte) {
		if string(b) == "ready" {
			save <- struct{}{}
		}
		saved = saved || string(b) == "saved"
	})
	if err != nil || !saved {
		t.Errorf("saved %v, %v", saved, err)
	}
}

// TestTail: a line that comes in pieces is joined, a long line is cut, an old line is dropped.
func TestTail(t *testing.T) {
	x := new(tail)
	for _, s := range []string{"sha", "ke: a\nb", "c\n", strings.Repeat("x", 10*widest) + "\n"} {
		x.Write([]byte(s))
	}
	if have := x.message(); !strings.HasPrefix(have, "a\nbc\nxxx") || len(have) > 2*widest {
		t.Errorf("have %q", have)
	}
	for range 3 * kept {
		x.Write([]byte("y\n"))
	}
	if len(x.lines) != kept || x.message() != "y" {
		t.Errorf("%d lines, %q", len(x.lines), x.message())
	}
}
