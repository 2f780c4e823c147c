package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
	"shake/internal/exhaustive"
)

// TestMain lets this test binary run as the process "shake".
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"shake": main, "panics": func() { abortOnFailure(); panic("on purpose") }, "same": sameNumbers, "stuck": stuck})
}

// tests runs the package's tests. A process that runs as "shake" does not call Run: whether its
// kernels have checks, the test that starts it says in its environment.
type tests struct{ *testing.M }

func (m tests) Run() int {
	if !exhaustive.On() {
		emu.Unchecked()
	}
	return m.M.Run()
}

// TestScripts runs testdata/script: a file for each verb, and one for failures. "exits CODE shake
// ..." checks the exit code.
func TestScripts(t *testing.T) {
	nets, err := os.ReadFile("testdata/tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", e.WorkDir+"/cache")
			e.Setenv("STANDIN", standIn())
			return os.WriteFile(e.WorkDir+"/tiny.toml", nets, 0o644)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			"emulator": func(ts *testscript.TestScript, _ bool, _ []string) {
				folder, err := emu.Build()
				ts.Check(err)
				ts.Setenv(emu.PathVariable, folder)
				ts.Setenv(emu.CheckVariable, os.Getenv(emu.CheckVariable))
				// Kernels take seconds to compile, so they share the cache of the other tests.
				ts.Setenv(cuda.KernelCacheVariable, cuda.DefaultKernelCache().Dir)
			},
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "standin":
				return standIn() != "", nil
			case "emulator":
				_, err := emu.Build()
				return !errors.Is(err, emu.ErrNoCompiler), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	have := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var e *exec.ExitError
		if !errors.As(err, &e) {
			ts.Fatalf("%v", err)
		}
		have = e.ExitCode()
	}
	if have != want {
		ts.Fatalf("exit code %d, want %d", have, want)
	}
}
