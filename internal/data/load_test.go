package data

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
)

func TestLoadSynthetic(t *testing.T) {
	d := dsl.Data{Set: "synthetic", Mean: [3]float64{1, 2, 3}, Std: [3]float64{4, 5, 6}, TrainImages: 30, TestImages: 20}
	sets, err := Load(d, 9, "")
	if err != nil {
		t.Fatal(err)
	}
	train, test, prov := sets.Train, sets.Test, sets.Provenance
	want, _ := Synthetic(9, 30, 0)
	if train.N != 30 || test.N != 20 || hexSum(train.Pix) != hexSum(want.Pix) {
		t.Errorf("have %d and %d images", train.N, test.N)
	}
	for _, im := range []*engine.Images{train, test} {
		if im.Mean[2] != 3 || im.Std[0] != 4 {
			t.Errorf("the run's mean and std are not used: %v %v", im.Mean, im.Std)
		}
	}
	if prov.Source != "built in" || !strings.Contains(prov.Note, "seed 9") {
		t.Errorf("provenance %+v", prov)
	}
}

// TestLoadValidation: the last training images are kept apart, those left are unchanged.
func TestLoadValidation(t *testing.T) {
	d := dsl.Data{Set: "synthetic", Mean: [3]float64{1, 2, 3}, Std: [3]float64{4, 5, 6}, TrainImages: 30, TestImages: 2, Validation: 7}
	sets, err := Load(d, 9, "")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Synthetic(9, 30, 0)
	tr, val := sets.Train, sets.Validation
	if tr.N != 23 || val.N != 7 || hexSum(append(append([]byte(nil), tr.Pix...), val.Pix...)) != hexSum(want.Pix) || len(tr.Labels) != 23 || val.Labels[0] != want.Labels[23] || val.Std[1] != 5 {
		t.Errorf("have %d and %d images, labels %v and %v", tr.N, val.N, tr.Labels, val.Labels)
	}
	d.Validation = 0
	if sets, err = Load(d, 9, ""); err != nil || sets.Validation != nil || sets.Train.N != 30 {
		t.Errorf("without a split: %+v, %v", sets, err)
	}
}

// TestNoticesOfClasses: a split of images that are sorted by class leaves the last ones none, which
// Load says, with the classes' names where they have some.
func TestNoticesOfClasses(t *testing.T) {
	labels := make([]byte, 40) // of 4 classes, ten images each
	for i := range labels {
		labels[i] = byte(i / 10)
	}
	path := npz(t, map[string][]byte{"train_images": npy("|u1", "(40, 8, 8)", make([]byte, 40*64)), "train_labels": npy("|u1", "(40,)", labels)})
	own := dsl.Data{Set: "images", Size: 8, Channels: 1, Count: 4, Split: "last"}
	for want, change := range map[string]func(*dsl.Data){
		"": func(d *dsl.Data) { d.Validation = 9 },
		`data.validation leaves no training image of class 3 (data.split = "random" draws them from all classes)`:         func(d *dsl.Data) { d.Validation = 10 },
		`data.validation leaves no training image of classes 1, 2, 3 (data.split = "random" draws them from all classes)`: func(d *dsl.Data) { d.Validation = 35 },
		"data.validation leaves no training image of classes 1, 2":                                                        func(d *dsl.Data) { d.Validation, d.Split = 38, "random" },
		"data.train_images leaves no training image of classes 2, 3":                                                      func(d *dsl.Data) { d.TrainImages, d.Validation = 20, 9 },
	} {
		d := own
		change(&d)
		s, err := Load(d, 1, path)
		if err != nil {
			t.Fatal(err)
		}
		if have := strings.Join(s.Notices, "; "); have != want {
			t.Errorf("want %s\nhave %s", want, have)
		}
	}
	s, err := Load(dsl.Data{Set: "synthetic", TrainImages: 8, TestImages: 1}, 1, "")
	want := "data.train_images leaves no training image of classes " + SyntheticNames[8] + ", " + SyntheticNames[9]
	if err != nil || len(s.Notices) != 1 || s.Notices[0] != want {
		t.Errorf("%v, %v, want %s", s.Notices, err, want)
	}
	own.Validation = 40
	want = "data.validation: want fewer images than the 40 to train on, have 40 (0 keeps none out)"
	if _, err := Load(own, 1, path); err == nil || err.Error() != want {
		t.Errorf("want %s\nhave %v", want, err)
	}
}

func TestLoadRefusesWrongCounts(t *testing.T) {
	for key, d := range map[string]dsl.Data{
		"data.train_images": {Set: "synthetic", TrainImages: 50001, TestImages: 1},
		"data.validation":   {Set: "synthetic", TrainImages: 5, TestImages: 1, Validation: 5},
		"data.test_images":  {Set: "synthetic", TrainImages: 1, TestImages: -1},
	} {
		var ce *CountError
		if _, err := Load(d, 1, ""); !errors.As(err, &ce) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	var se *SetError
	if _, err := Load(dsl.Data{Set: "cifar11"}, 1, ""); !errors.As(err, &se) {
		t.Errorf("have %v", err)
	}
}

func TestFirstN(t *testing.T) {
	im, _ := Synthetic(1, 5, 0)
	for n, want := range map[int]int{0: 5, 1: 1, 5: 5} {
		first, err := FirstN(im, n)
		if err != nil || first.N != want || len(first.Labels) != want || len(first.Pix) != want*pixels || im.N != 5 {
			t.Errorf("first %d: %v, %v", n, first.N, err)
		}
	}
	for _, n := range []int{-1, 6} {
		if _, err := FirstN(im, n); err == nil {
			t.Errorf("first %d of 5: no error", n)
		}
	}
}

func TestNames(t *testing.T) {
	for set, n := range map[string]int{"cifar10": 10, "cifar100": 100, "synthetic": 10, "mnist": 0} {
		seen := map[string]bool{}
		for _, name := range Names(set) {
			seen[name] = true
		}
		if len(seen) != n {
			t.Errorf("%s: want %d names, have %d", set, n, len(seen))
		}
	}
	if len(figures) != len(SyntheticNames) {
		t.Errorf("%d figures, %d names", len(figures), len(SyntheticNames))
	}
}

// TestRandomSplit: the images kept out are a draw, and the others stay in their order.
func TestRandomSplit(t *testing.T) {
	d := dsl.Data{Set: "synthetic", TrainImages: 40, TestImages: 1, Validation: 10}
	all, err := Load(dsl.Data{Set: "synthetic", TrainImages: 40, TestImages: 1}, 3, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{"last", "random"} {
		d.Split = split
		s, err := Load(d, 3, "")
		if err != nil {
			t.Fatal(err)
		}
		train, validation := make([]int32, 30), make([]int32, 10)
		for i := range 40 {
			if i < 30 {
				train[i] = int32(i)
			} else {
				validation[i-30] = int32(i)
			}
		}
		if split == "random" {
			train, validation = engine.Split(3, 40, 10)
		}
		for _, c := range []struct {
			have  *engine.Images
			index []int32
		}{{s.Train, train}, {s.Validation, validation}} {
			if c.have.N != len(c.index) || len(c.have.Pix) != c.have.N*pixels {
				t.Fatalf("%s: %d images, %d bytes", split, c.have.N, len(c.have.Pix))
			}
			for i, j := range c.index {
				if c.have.Labels[i] != all.Train.Labels[j] || !bytes.Equal(c.have.Pix[i*pixels:(i+1)*pixels], all.Train.Pix[int(j)*pixels:(int(j)+1)*pixels]) {
					t.Fatalf("%s: image %d is not number %d", split, i, j)
				}
			}
		}
	}
}
