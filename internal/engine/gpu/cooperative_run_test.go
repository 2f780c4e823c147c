package gpu_test

import (
	"testing"

	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/graph/graphtest"
)

// Where the card does not run all blocks of a cooperative launch at a time, as beside another
// program's limits, a step has the launches one by one, with their bits.
func TestCooperativeRefused(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	have := program(t, gpu.Backend{Precision: "fp32", Rivals: []string{gpu.CooperativeBackward}}, s)
	want := program(t, gpu.Backend{Precision: "fp32", Rivals: []string{}}, s)
	if taken, _ := gpu.Taken(have); taken[gpu.CooperativeBackward] == 0 {
		t.Fatalf("taken are %v", taken)
	}
	gpu.SetRoom(have, 1)
	train(t, have, 0.005, 0, 3)
	train(t, want, 0.005, 0, 3)
	if name := differs(state(t, have), state(t, want)); name != "" {
		t.Errorf("%s differs", name)
	}
	if h, w := gpu.Items(have), gpu.Items(want); h != w {
		t.Errorf("a step has %d items, want %d", h, w)
	}
}

// A training with cooperative launches has the same bits each time, though the card runs blocks in
// any order.
func TestCooperativeBits(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	run := func(rivals ...string) ([]engine.Tensor, int) {
		p := program(t, gpu.Backend{Precision: "bf16", Rivals: append([]string{}, rivals...)}, s)
		train(t, p, 0.005, 0, 4)
		return state(t, p), gpu.Items(p)
	}
	first, items := run(gpu.CooperativeBackward)
	again, _ := run(gpu.CooperativeBackward)
	if name := differs(first, again); name != "" {
		t.Errorf("%s differs from run to run", name)
	}
	if _, all := run(); items != all-13 { // six launches replace three each, and one two
		t.Errorf("a step has %d items, without cooperative launches %d", items, all)
	}
}
