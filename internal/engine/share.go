package engine

import "fmt"

// Share is the part of every batch that one of several cards trains on: replicas First to
// First+Count-1 of all Replicas, with their images. Card Rank of World has share Rank.
type Share struct {
	Rank, World  int
	Replicas     int
	First, Count int
}

// Whole is the share of a card that trains alone.
func Whole(replicas int) Share { return Share{World: 1, Replicas: replicas, Count: replicas} }

// ShareOf cuts replicas into shares for world cards, contiguous and the first ones larger, and
// returns that of rank. Each card needs a replica.
func ShareOf(replicas, rank, world int) (Share, error) {
	if world < 1 || rank < 0 || rank >= world {
		return Share{}, fmt.Errorf("card %d of %d", rank, world)
	}
	if replicas < world {
		return Share{}, fmt.Errorf("train.replicas=%d for %d cards: a card trains on whole replicas, so take %d at most, or -o train.replicas=%d, which is another recipe", replicas, world, replicas, world)
	}
	lo, hi := ReplicaRange(replicas, world, rank)
	return Share{Rank: rank, World: world, Replicas: replicas, First: lo, Count: hi - lo}, nil
}

// Images is the share's images lo to hi-1 of a batch of n; none where its replicas have none.
func (s Share) Images(n int) (lo, hi int) {
	lo, _ = ReplicaRange(n, s.Replicas, s.First)
	_, hi = ReplicaRange(n, s.Replicas, s.First+s.Count-1)
	return lo, hi
}

// Most is the largest number of the share's images in any batch of at most n.
func (s Share) Most(n int) int {
	most := 0
	for i := 1; i <= n; i++ {
		lo, hi := s.Images(i)
		most = max(most, hi-lo)
	}
	return most
}

// Fits is an error if a device that knows its own images alone would cut them into other replicas
// than those of the whole batch of n. Shares of one replica, and of batches that the replicas
// divide, always fit.
func (s Share) Fits(n int) error {
	lo, hi := s.Images(n)
	for i := range s.Count {
		from, to := ReplicaRange(n, s.Replicas, s.First+i)
		ownFrom, ownTo := ReplicaRange(hi-lo, s.Count, i)
		if hi > lo && (from != lo+ownFrom || to != lo+ownTo) {
			return fmt.Errorf("a batch of %d images of %d replicas cannot be cut for %d cards: take as many cards as replicas, or one, or a batch that the replicas divide", n, s.Replicas, s.World)
		}
	}
	return nil
}
