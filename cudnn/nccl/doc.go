// Package nccl is a binding of NCCL, NVIDIA's library of collective operations: sums of arrays over
// several cards, in one process or in many, on one machine or on many.
//
// A program with this package builds and starts without NCCL: the library is opened at first use,
// from the folders that shake/csrc/load searches, and a missing one is an error with a remedy.
// Versions from 2.18 on are taken.
//
// The cards of a communicator are its ranks, numbered from 0. One rank calls NewID and hands the ID
// to all others by any way. Each rank calls New on a context of package cuda, on a card of its own,
// with the same ID and its own number. From then on all ranks make the same calls in the same
// order, with equal counts and types: AllReduce, Broadcast, AllGather. A call that some rank does
// not make never ends on the others, until they call Abort or Close.
//
//	id, err := nccl.NewID()                                    // on one rank
//	comm, err := nccl.New(ctx, id, nccl.Config{Rank: r, World: n})
//	err = comm.AllReduce(p, p, count, nccl.F32, nccl.Sum, stream)
//
// A collective call is asynchronous, as a kernel is: a nil error says that it was queued on the
// stream. It may be captured into a graph, if all ranks capture it and launch the graph equally
// often. Counts are elements, not bytes.
//
// A Comm belongs to the thread on which its context is current: lock the goroutine to it
// (runtime.LockOSThread). Abort and AsyncError may be called from any goroutine at any time. A
// visible misuse (a closed communicator, another thread, the stream of another card, arrays that
// overlap) is an *Error and never a crash.
package nccl
