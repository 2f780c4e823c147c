package engine

import (
	"testing"

	"shake/dsl"
)

// TestConfigChecks has a row for each rule that every backend shares.
func TestConfigChecks(t *testing.T) {
	good := Config{Batch: 4, Replicas: 2, Crop: 4}
	with := func(change func(*Config)) error {
		c := good
		change(&c)
		return c.Check("x", 8)
	}
	for _, c := range []struct {
		name string
		have error
		want string
	}{
		{"good", good.Check("x", 8), ""},
		{"an image a replica", with(func(c *Config) { c.Batch = 2 }), ""},
		{"no image for the second replica", with(func(c *Config) { c.Batch = 1 }), "x: batch 1 for 2 replicas: want at least one image a replica"},
		{"no replica", with(func(c *Config) { c.Replicas = 0 }), "x: batch 4 for 0 replicas: want at least one image a replica"},
		{"largest crop", with(func(c *Config) { c.Crop = 8 }), ""},
		{"crop too large", with(func(c *Config) { c.Crop = 9 }), "x: crop 9: want 0 to 8"},
		{"negative crop", with(func(c *Config) { c.Crop = -1 }), "x: crop -1: want 0 to 8"},
		{"whole set", good.CheckBatch("x", []int32{0, 2, 1, 0}, 3), ""},
		{"no image", good.CheckBatch("x", nil, 3), "x: a batch of 0 images: want 1 to 4"},
		{"five images", good.CheckBatch("x", make([]int32, 5), 3), "x: a batch of 5 images: want 1 to 4"},
		{"negative image", good.CheckBatch("x", []int32{0, -1}, 3), "x: image 1 of the batch is number -1 of a data set of 3"},
		{"image beyond the set", good.CheckBatch("x", []int32{3}, 3), "x: image 0 of the batch is number 3 of a data set of 3"},
		{"whole range", CheckRange("x", 0, 3, 3), ""},
		{"empty range", CheckRange("x", 3, 3, 3), ""},
		{"range beyond the set", CheckRange("x", 1, 4, 3), "x: test images from 1 up to 4 of a data set of 3"},
		{"negative range", CheckRange("x", -1, 2, 3), "x: test images from -1 up to 2 of a data set of 3"},
		{"backward range", CheckRange("x", 2, 1, 3), "x: test images from 2 up to 1 of a data set of 3"},
	} {
		have := ""
		if c.have != nil {
			have = c.have.Error()
		}
		if have != c.want {
			t.Errorf("%s: want %q, have %q", c.name, c.want, have)
		}
	}
}

// TestConfigOf: augmentation that is off flips and crops nothing.
func TestConfigOf(t *testing.T) {
	var s dsl.Spec
	s.Seed, s.Train.Batch, s.Train.Replicas, s.Train.Workers = 5, 6, 2, 3
	s.Train.Momentum, s.Train.Nesterov, s.Train.WeightDecay = 0.5, true, 0.25
	s.Engine.Conv, s.Engine.Precision, s.Engine.Deterministic = "direct", "fp32", true
	s.Data.Flip, s.Data.Crop = true, 4
	want := Config{Seed: 5, Batch: 6, Replicas: 2, Workers: 3, Momentum: 0.5, Nesterov: true, WeightDecay: 0.25,
		Conv: "direct", Precision: "fp32", Deterministic: true}
	if have := ConfigOf(&s); have != want {
		t.Errorf("without augmentation: want %+v, have %+v", want, have)
	}
	s.Data.Augment, want.Flip, want.Crop = true, true, 4
	if have := ConfigOf(&s); have != want {
		t.Errorf("with augmentation: want %+v, have %+v", want, have)
	}
}
