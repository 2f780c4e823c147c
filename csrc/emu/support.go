package emu

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// PathVariable and RequireVariable decide whether tests use the emulator, CheckVariable whether it
// checks kernels where its settings do not say so.
const (
	PathVariable    = "SHAKE_LIBRARY_PATH"
	RequireVariable = "SHAKE_REQUIRE_GPU"
	CheckVariable   = "SHAKE_EMU_CHECK"
)

var missing error // the reason why Main has no emulator

// Main is a TestMain for packages that need a card: Run, then the end of the process.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run runs a package's tests and examples. If SHAKE_REQUIRE_GPU is 1 or SHAKE_LIBRARY_PATH is set,
// Run changes nothing. Otherwise it builds the emulator and puts its folder into
// SHAKE_LIBRARY_PATH. Without a compiler, tests that call Require skip with that reason, and
// examples do not run.
func Run(m *testing.M) int {
	if os.Getenv(RequireVariable) != "1" && os.Getenv(PathVariable) == "" {
		folder, err := Build()
		if missing = err; err == nil {
			os.Setenv(PathVariable, folder)
		} else {
			WithoutExamples("there is no emulator")
		}
	}
	return m.Run()
}

// Unchecked has the emulator compile and run kernels without checks of their accesses, in half the
// time, from here to the end of the process. It is for packages that run kernels of another, which
// tests them with checks. The product's cache does not tell kernels with checks from those without,
// so these have a folder of their own.
func Unchecked() {
	os.Setenv(CheckVariable, "0")
	if dir, err := os.UserCacheDir(); err == nil && os.Getenv("SHAKE_KERNEL_CACHE") == "" {
		os.Setenv("SHAKE_KERNEL_CACHE", filepath.Join(dir, "shake", "kernels-unchecked"))
	}
}

// WithoutExamples leaves the examples out of this process, unless -run selects some: an example
// opens a card and cannot skip.
func WithoutExamples(why string) {
	flag.Parse()
	if run := flag.Lookup("test.run"); run.Value.String() == "" {
		run.Value.Set("^(Test|Fuzz)")
		fmt.Fprintln(os.Stderr, "the examples do not run: "+why)
	}
}

// Require skips the test if it has neither a card nor the emulator. An emulator that does not
// compile is a failure.
func Require(t testing.TB) {
	t.Helper()
	switch {
	case missing == nil:
	case isNoCompiler(missing):
		t.Skip(missing)
	default:
		t.Fatal(missing)
	}
}

// Only skips the test unless it runs on the emulator, whose counters and settings it needs.
func Only(t testing.TB) {
	t.Helper()
	Require(t)
	if err := openHooks(); err != nil {
		t.Skipf("the emulator is not in use: %v", err)
	}
}

// With sets the emulator's settings for the duration of a test; csrc/emu/cuda/settings.h lists
// them.
func With(t testing.TB, settings string) {
	t.Helper()
	Only(t)
	Set(settings)
	t.Cleanup(func() { Set("") })
}

// Set replaces the emulator's settings; the empty string stands for those of SHAKE_EMU_CUDA.
func Set(settings string) {
	must()
	hooks.set(settings)
}

// Count returns the number of events of a kind: sync, implicit_sync, query, launch, kernel,
// graph_launch, capture, instantiate, memcpy, memset, alloc, free, host_alloc, enqueue, module. Of
// cuDNN: plan (made from an engine's configuration), plan_read (made from a text) and, with
// remember=N in SHAKE_EMU_CUDNN, plan_again (plans that were made before) and plan_thread (threads
// that made plans). Or it returns a present number: live_handles, live_bytes; and cudnn_handle, if
// none was open at the last Reset.
func Count(what string) int {
	must()
	return hooks.count(what)
}

// Reset sets the counters to zero.
func Reset() {
	must()
	hooks.reset()
}

// Message returns the emulator's last explanation of an error, such as the thread, the kernel and
// the allocation of a wrong access.
func Message() string {
	must()
	return hooks.message()
}

func must() {
	if err := openHooks(); err != nil {
		panic(fmt.Sprintf("emu: %v: call Only first", err))
	}
}
