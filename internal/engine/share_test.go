package engine

import (
	"strings"
	"testing"
)

// Shares cover every batch once, in order, and are whole replicas.
func TestShares(t *testing.T) {
	for replicas := 1; replicas <= 6; replicas++ {
		for world := 1; world <= replicas; world++ {
			for n := 1; n <= 40; n++ {
				at, first := 0, 0
				for rank := range world {
					s, err := ShareOf(replicas, rank, world)
					if err != nil {
						t.Fatal(err)
					}
					lo, hi := s.Images(n)
					if lo != at || hi < lo || s.First != first || s.Count < 1 || hi-lo > s.Most(40) {
						t.Fatalf("%d of %d cards, %d replicas, batch %d: %+v, images %d to %d", rank, world, replicas, n, s, lo, hi)
					}
					at, first = hi, s.First+s.Count
					if err := s.Fits(n); err != nil && (s.Count == 1 || n%replicas == 0) {
						t.Fatal(err)
					}
				}
				if at != n || first != replicas {
					t.Fatalf("%d cards, %d replicas: %d of %d images", world, replicas, at, n)
				}
			}
		}
	}
	if lo, hi := (Share{World: 2, Rank: 1, Replicas: 2, First: 1, Count: 1}).Images(1); lo != 1 || hi != 1 {
		t.Errorf("the second of two cards has images %d to %d of a batch of one", lo, hi)
	}
	if _, err := ShareOf(2, 0, 3); err == nil || !strings.Contains(err.Error(), "train.replicas=2 for 3 cards") || !strings.Contains(err.Error(), "take 2 at most") {
		t.Errorf("three cards for two replicas: %v", err)
	}
	s, _ := ShareOf(6, 0, 2)
	if err := s.Fits(9); err == nil || !strings.Contains(err.Error(), "a batch of 9 images of 6 replicas") {
		t.Errorf("a batch that cannot be cut: %v", err)
	}
}
