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

// Sets are the images of a run.
type Sets struct {
	Train, Test *engine.Images
	Validation  *engine.Images // nil unless data.validation keeps some out of training
	Names       []string       // of the classes; nil: numbers
	Notices     []string       // of classes without a training image
	Provenance
}

// Load returns the images of a run: the set, its first TrainImages and TestImages, Validation of
// the training images apart, and the run's mean and standard deviation. seed makes the built-in set
// and draws a random Split; path is Open's and serves the other sets. A number of images above the
// set's is an error; the built-in set has 50,000 and 10,000. Images of one's own are where path, or
// SHAKE_DATA, says, and may have no test images: then Test has none.
func Load(d dsl.Data, seed uint64, path string) (*Sets, error) {
	s := &Sets{Names: Names(d.Set)}
	var err error
	if d.Set == "images" {
		if s, err = loadOwn(d, path); err != nil {
			return nil, err
		}
	} else if d.Set == "synthetic" {
		if s.Train, s.Test, err = loadSynthetic(d, seed); err != nil {
			return nil, err
		}
		s.Provenance = Provenance{Set: d.Set, Source: "built in", Official: true, Note: fmt.Sprintf("generated from seed %d", seed)}
	} else if s.Train, s.Test, s.Provenance, err = Open(d.Set, path); err != nil {
		return nil, err
	}
	if s.Train, err = FirstN(s.Train, d.TrainImages); err != nil {
		return nil, fmt.Errorf("data.train_images: %w", err)
	}
	if s.Test, err = FirstN(s.Test, d.TestImages); err != nil {
		return nil, fmt.Errorf("data.test_images: %w", err)
	}
	s.Train.Mean, s.Train.Std = d.Mean[:s.Train.C], d.Std[:s.Train.C]
	s.Test.Mean, s.Test.Std = d.Mean[:s.Train.C], d.Std[:s.Train.C]
	if d.TrainImages > 0 {
		s.lacks("data.train_images", "")
	}
	if d.Validation > 0 {
		if d.Validation >= s.Train.N {
			return nil, fmt.Errorf("data.validation: %w", &CountError{Want: d.Validation, Have: s.Train.N, Some: true})
		}
		if d.Split == "random" {
			train, validation := engine.Split(seed, s.Train.N, d.Validation)
			s.Train, s.Validation = chosen(s.Train, train), chosen(s.Train, validation)
		} else {
			s.Train, s.Validation = imagesOf(s.Train, 0, s.Train.N-d.Validation), imagesOf(s.Train, s.Train.N-d.Validation, s.Train.N)
		}
		if len(s.Notices) == 0 {
			remedy := ""
			if d.Split != "random" {
				remedy = ` (data.split = "random" draws them from all classes)`
			}
			s.lacks("data.validation", remedy)
		}
	}
	return s, nil
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
type CountError struct {
	Want, Have int
	Some       bool // the run asks for fewer than all
}

func (e *CountError) Error() string {
	if e.Some {
		return fmt.Sprintf("want fewer images than the %d to train on, have %d (0 keeps none out)", e.Have, e.Want)
	}
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
	return imagesOf(im, 0, n), nil
}

// imagesOf returns images lo..hi-1 of im, sharing their memory.
func imagesOf(im *engine.Images, lo, hi int) *engine.Images {
	part, size := *im, im.C*im.H*im.W
	part.N = hi - lo
	part.Pix = im.Pix[lo*size : hi*size : hi*size]
	part.Labels = im.Labels[lo:hi:hi]
	return &part
}

// chosen returns a copy of some images of im.
func chosen(im *engine.Images, index []int32) *engine.Images {
	part, size := *im, im.C*im.H*im.W
	part.N = len(index)
	part.Pix, part.Labels = make([]byte, 0, part.N*size), make([]uint16, 0, part.N)
	for _, i := range index {
		part.Pix = append(part.Pix, im.Pix[int(i)*size:(int(i)+1)*size]...)
		part.Labels = append(part.Labels, im.Labels[i])
	}
	return &part
}
