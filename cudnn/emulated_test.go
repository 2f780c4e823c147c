package cudnn_test

import (
	"errors"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn"
)

// TestEmulatedOperations compares the emulated library's answers with the real one's to the same
// graphs.
func TestEmulatedOperations(t *testing.T) {
	c := open(t)
	emu.Only(t)
	for _, o := range operations() {
		p, err := c.h.Plan(o.g, o.o...)
		if o.no && !errors.Is(err, cudnn.ErrNotSupported) || !o.no && err != nil {
			t.Errorf("%s: want it not supported: %v, have %v", o.name, o.no, err)
		}
		if err == nil {
			c.check(p.Close())
		}
	}
}
