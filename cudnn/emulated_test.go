package cudnn_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// TestEmulatedOperations holds the emulated library against what the real one says to the same graphs.
func TestEmulatedOperations(t *testing.T) {
	if os.Getenv("SHAKE_NVIDIA") != "" {
		t.Skip("SHAKE_NVIDIA is set: the real library is tried in this process")
	}
	folder, err := emu.Build()
	if errors.Is(err, emu.ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Setenv(emu.PathVariable, folder)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	devices, err := cuda.Devices()
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := devices[0].Primary()
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.Close()
	h, err := cudnn.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, o := range operations() {
		p, err := h.Plan(o.g, o.o...)
		if o.no && !errors.Is(err, cudnn.ErrNotSupported) || !o.no && err != nil {
			t.Errorf("%s: not supported %v, have %v", o.name, o.no, err)
		}
		if err == nil {
			p.Close()
		}
	}
}
