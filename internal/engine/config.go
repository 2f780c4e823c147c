package engine

import (
	"fmt"
	"slices"
	"strings"

	"shake/dsl"
)

// Config is everything that a program depends on besides the network.
type Config struct {
	Seed        uint64
	Batch       int // global batch; Step may be given fewer images (the ragged last batch)
	Replicas    int
	Workers     int // 0: all cores
	Momentum    float64
	Nesterov    bool
	WeightDecay float64
	EMA         float64 // decay of the average of the weights; 0: none
	Clip        float64 // the largest norm of the mean gradient, without decay; 0: any
	// Of training labels: an image's target is (1-Smoothing) onehot(label) + Smoothing/classes
	Smoothing float64
	Mixup     float64 // a of Mix; 0: none
	Flip      bool    // augmentation as in dsl.Data, already false/0 where augmentation is off
	Crop      int
	Cutout    int
	Erase     float64

	Conv          string // as dsl.Engine; "" is "auto"
	Precision     string // as dsl.Engine; "" is "auto"; a precision that a backend lacks is an error
	Deterministic bool
}

// ConfigOf returns the configuration with which a program of spec's network is compiled.
func ConfigOf(spec *dsl.Spec) Config {
	t, e := spec.Train, spec.Engine
	c := Config{
		Seed: spec.Seed, Batch: t.Batch, Replicas: t.Replicas, Workers: t.Workers,
		Momentum: t.Momentum, Nesterov: t.Nesterov, WeightDecay: t.WeightDecay, EMA: t.EMA, Clip: t.Clip, Smoothing: t.Smoothing, Mixup: t.Mixup,
		Conv: e.Conv, Precision: e.Precision, Deterministic: e.Deterministic,
	}
	if spec.Data.Augment {
		c.Flip, c.Crop, c.Cutout, c.Erase = spec.Data.Flip, spec.Data.Crop, spec.Data.Cutout, spec.Data.Erase
	}
	return c
}

// Augments says whether a training image is more than normalised.
func (c Config) Augments() bool { return c.Flip || c.Crop > 0 || c.Cutout > 0 || c.Erase > 0 }

// Check returns nil if a backend whose crops are at most maxCrop pixels can run c. Each replica
// needs an image of a full batch. The precision is a question of its own: CheckPrecision.
func (c Config) Check(backend string, maxCrop int) error {
	if c.Replicas < 1 || c.Batch < c.Replicas {
		return fmt.Errorf("%s: batch %d for %d replicas: want at least one image a replica", backend, c.Batch, c.Replicas)
	}
	if c.Crop < 0 || c.Crop > maxCrop {
		return fmt.Errorf("%s: crop %d: want 0 to %d", backend, c.Crop, maxCrop)
	}
	if !(c.Clip >= 0) {
		return fmt.Errorf("%s: clip %v: want a norm of at least 0", backend, c.Clip)
	}
	if !(c.EMA >= 0 && c.EMA < 1) {
		return fmt.Errorf("%s: a decay of the average of %v: want a number from 0, below 1", backend, c.EMA)
	}
	if !(c.Mixup >= 0) {
		return fmt.Errorf("%s: mixup %v: want a number of at least 0", backend, c.Mixup)
	}
	if !(c.Smoothing >= 0 && c.Smoothing < 1) {
		return fmt.Errorf("%s: label smoothing %v: want a number from 0, below 1", backend, c.Smoothing)
	}
	if c.Cutout < 0 || !(c.Erase >= 0 && c.Erase <= 1) {
		return fmt.Errorf("%s: cutout %d, erase %v: want a side of at least 0 and a probability", backend, c.Cutout, c.Erase)
	}
	return nil
}

// PrecisionError is the error of an engine.precision that a device lacks.
type PrecisionError struct{ Text string }

func (e *PrecisionError) Error() string { return e.Text }

// CheckPrecision returns nil if the precision asked for is "auto" or one of the backend's.
// Otherwise the error, a *PrecisionError, lists the backend's.
func (c Config) CheckPrecision(backend string, have ...string) error {
	if c.Precision == "" || c.Precision == "auto" || slices.Contains(have, c.Precision) {
		return nil
	}
	return &PrecisionError{fmt.Sprintf("%s: engine.precision is %s: want %s", backend, c.Precision, strings.Join(append([]string{"auto"}, have...), " or "))}
}

// CheckBatch returns nil if index is a batch of a data set of n images: from 1 to c.Batch images,
// each of them in the set.
func (c Config) CheckBatch(backend string, index []int32, n int) error {
	if len(index) < 1 || len(index) > c.Batch {
		return fmt.Errorf("%s: a batch of %d images: want 1 to %d", backend, len(index), c.Batch)
	}
	for i, j := range index {
		if j < 0 || int(j) >= n {
			return fmt.Errorf("%s: image %d of the batch is number %d of a data set of %d", backend, i, j, n)
		}
	}
	return nil
}

// CheckRange returns nil if lo to hi-1 are images of a test set of n.
func CheckRange(backend string, lo, hi, n int) error {
	if lo < 0 || hi > n || lo > hi {
		return fmt.Errorf("%s: test images from %d up to %d of a data set of %d", backend, lo, hi, n)
	}
	return nil
}

// NotLoaded is the error of a call that needs the "training" or "test" images before Load gave
// them.
func NotLoaded(backend, set string) error {
	return fmt.Errorf("%s: no %s images are loaded", backend, set)
}

// Average returns the factors of the average of the weights (Config.EMA) behind step iteration:
// average = keep*average + rest*w. The first step begins the average.
func (c Config) Average(iteration uint32) (keep, rest float64) {
	if iteration == 0 {
		return 0, 1
	}
	return c.EMA, 1 - c.EMA
}
