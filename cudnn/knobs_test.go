package cudnn

import (
	"testing"
)

func TestKnob(t *testing.T) {
	k := Knob{KnobSplitKSlices, 1, 129, 4}
	for v, want := range map[int64]bool{0: false, 1: true, 2: false, 5: true, 129: true, 133: false, -3: false} {
		if k.Takes(v) != want {
			t.Errorf("%v takes %d: %v, want %v", k, v, !want, want)
		}
	}
	for have, want := range map[string]string{
		k.String():                       "SPLIT_K_SLC 1..129 by 4",
		Knob{99, 0, 3, 1}.String():       "KNOB_99 0..3",
		EngineConfig{Engine: 7}.String(): "e7",
		EngineConfig{1, []Setting{{KnobStreamK, 2}, {KnobTileSize, 1}}}.String(): "e1 TILE_SIZE=1 STREAM_K=2",
	} {
		if have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
	names := map[string]bool{}
	for _, name := range knobNames {
		if names[name] {
			t.Errorf("two knobs are called %s", name)
		}
		names[name] = true
	}
}

// TestEngineKey: the chosen engine is part of a plan's name in the cache, in whatever order its
// settings are written.
func TestEngineKey(t *testing.T) {
	x, w := NHWC(1, 8, 4, 4, BF16), NHWC(8, 8, 1, 1, BF16)
	g := ConvForwardGraph(x, w, x, ConvDesc{})
	key := func(o ...Option) string { return key("9", "card", g, resolve(o), false) }
	one, other := Setting{KnobSplitKSlices, 4}, Setting{KnobStages, 3}
	same := key(UseEngine(EngineConfig{1, []Setting{one, other}}))
	if key(UseEngine(EngineConfig{1, []Setting{other, one}})) != same {
		t.Error("the order of settings changes the key")
	}
	seen := map[string]bool{same: true}
	for i, k := range []string{key(), key(UseEngine(EngineConfig{Engine: 1})), key(UseEngine(EngineConfig{Engine: 2})), key(UseEngine(EngineConfig{1, []Setting{one}}))} {
		if seen[k] {
			t.Errorf("configuration %d has the key of another", i)
		}
		seen[k] = true
	}
}
