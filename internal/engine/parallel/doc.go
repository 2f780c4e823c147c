// Package parallel makes one program of several processes, one a card.
//
// Rank 0 holds a Program that looks like one on a single device: the loop that trains it knows
// nothing of ranks. Every call is sent to the other ranks, which make it too, on programs of their
// own that exchange gradients by themselves (gpu.Group); Serve is their side. Steps are sent and
// not answered; other calls are answered, and the answers compared: ranks that would drift apart
// are seen at the next reading of the metrics.
//
// A rank that ends, fails, or says nothing for six seconds stops the others: Lost is closed, which
// ends the calls that wait for it, and the call under way returns a *LostError that names the rank
// and its last words. So does one whose device does nothing while the others wait for it. Ranks
// other than 0 end when their connection does, or when rank 0 says nothing.
//
// The connections are given: pipes to processes of one machine or sockets to others (package
// launch).
package parallel
