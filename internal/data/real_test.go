package data

import (
	"math"
	"os"
	"testing"

	"shake/internal/engine"
)

// TestRealCIFAR10 reads the real set where SHAKE_TEST_CIFAR10 names it: a folder, or the archive.
// With the variable set, files that are not CIFAR-10 fail the test.
func TestRealCIFAR10(t *testing.T) {
	path := os.Getenv("SHAKE_TEST_CIFAR10")
	if path == "" {
		t.Skip("SHAKE_TEST_CIFAR10 names no folder")
	}
	train, test, prov, err := Open("cifar10", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(prov.Source, prov.Note)
	for im, each := range map[*engine.Images]int{train: 5000, test: 1000} {
		count := make([]int, 10)
		for _, l := range im.Labels {
			count[l]++
		}
		for k, n := range count {
			if n != each {
				t.Errorf("%s: want %d images, have %d", CIFAR10Names[k], each, n)
			}
		}
	}
	// The paper's figures, which its authors' code rounds to one decimal.
	mean, std := moments(train)
	for c := range mean {
		if math.Abs(mean[c]-CIFAR10Mean[c]) > 0.1 || math.Abs(std[c]-CIFAR10Std[c]) > 0.1 {
			t.Errorf("channel %d: want mean %.1f, std %.1f, have %.3f, %.3f", c, CIFAR10Mean[c], CIFAR10Std[c], mean[c], std[c])
		}
	}
	// The first record of the set is a frog; the first test image a cat.
	if train.Labels[0] != 6 || test.Labels[0] != 3 {
		t.Errorf("first labels: want 6 and 3, have %d and %d", train.Labels[0], test.Labels[0])
	}
}
