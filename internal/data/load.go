package data

import (
	"fmt"

	"shake/dsl"
	"shake/internal/engine"
)

// The built-in set has the sizes of CIFAR unless the run asks for fewer images.
const (
	syntheticTrain = 50000
	syntheticTest  = 10000
)

// Load returns the images of a run: the set, its first TrainImages and TestImages, and the run's
// mean and standard deviation. seed makes the built-in set; path is Open's and serves the other
// sets. A number of images above the set's is an error; the built-in set has 50,000 and 10,000.
func Load(d dsl.Data, seed uint64, path string) (train, test *engine.Images, prov Provenance, err error) {
	if d.Set == "synthetic" {
		if train, test, err = loadSynthetic(d, seed); err != nil {
			return nil, nil, Provenance{}, err
		}
		prov = Provenance{Set: d.Set, Source: "built in", Official: true, Note: fmt.Sprintf("generated from seed %d", seed)}
	} else if train, test, prov, err = Open(d.Set, path); err != nil {
		return nil, nil, Provenance{}, err
	}
	if train, err = FirstN(train, d.TrainImages); err != nil {
		return nil, nil, Provenance{}, fmt.Errorf("data.train_images: %w", err)
	}
	if test, err = FirstN(test, d.TestImages); err != nil {
		return nil, nil, Provenance{}, fmt.Errorf("data.test_images: %w", err)
	}
	for _, im := range []*engine.Images{train, test} {
		im.Mean, im.Std = d.Mean[:], d.Std[:]
	}
	return train, test, prov, nil
}

// loadSynthetic makes only the images that the run uses.
func loadSynthetic(d dsl.Data, seed uint64) (train, test *engine.Images, err error) {
	count := func(key string, want, have int) int {
		switch {
		case want == 0:
			return have
		case want < 0 || want > have:
			err = fmt.Errorf("data.%s: %w", key, &CountError{Want: want, Have: have})
		}
		return want
	}
	ntrain := count("train_images", d.TrainImages, syntheticTrain)
	ntest := count("test_images", d.TestImages, syntheticTest)
	if err != nil {
		return nil, nil, err
	}
	train, test = Synthetic(seed, ntrain, ntest)
	return train, test, nil
}

// CountError says that a set has fewer images than the run asks for.
type CountError struct{ Want, Have int }

func (e *CountError) Error() string {
	return fmt.Sprintf("want %d images, the set has %d (0 takes all)", e.Want, e.Have)
}

// FirstN returns the first n images of im, all if n is 0, sharing their memory. Its error is a
// *CountError.
func FirstN(im *engine.Images, n int) (*engine.Images, error) {
	if n < 0 || n > im.N {
		return nil, &CountError{Want: n, Have: im.N}
	}
	if n == 0 {
		n = im.N
	}
	first := *im
	first.N = n
	first.Pix = im.Pix[: n*im.C*im.H*im.W : n*im.C*im.H*im.W]
	first.Labels = im.Labels[:n:n]
	return &first, nil
}
