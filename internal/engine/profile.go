package engine

import "time"

// Profiler is a Program that can say where the time of its steps goes.
type Profiler interface {
	// Profile has every Step from the next one on be timed, operation by operation, or ends that.
	// Traces that were not taken are forgotten.
	Profile(on bool) error
	// Traces waits for the device and takes the times since the last call.
	Traces() ([]Trace, error)
	// Now is the time by the clock of the traces.
	Now() time.Duration
	// Operations are those of a step on a full batch, by number. The ones of the plan stand in its
	// order.
	Operations() []Operation
	// Tracks are the names of the workers or streams that run operations: "worker 0", "stream 0".
	Tracks() []string
	// Held is the program's memory by class.
	Held() Held
}

// Trace is one timed step. All times are of one clock.
type Trace struct {
	Start, End time.Duration
	Ops        []Timed // every operation, as its caller waited for it, in order
	Work       []Timed // of the tracks, for these operations
}

// Timed is an operation, or a part of one, from Start to End. Busy is the time of its tracks in
// between: processor time of workers, a stream's own time.
type Timed struct {
	Op, Track        int
	Start, End, Busy time.Duration
}

// Held is a program's memory.
type Held struct {
	Classes []MemoryClass
	Arena   []Alive // by step of the plan
}

// MemoryClass is bytes of one kind of array.
type MemoryClass struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Alive is the part of the arena that an operation finds in use or uses, in bytes.
type Alive struct {
	Op                     int
	Activations, Gradients int64 // gradients of activations
}

// Total is the sum of all classes.
func (h Held) Total() (n int64) {
	for _, c := range h.Classes {
		n += c.Bytes
	}
	return n
}

// Peak is where most of the arena is alive.
func (h Held) Peak() (most Alive) {
	for _, a := range h.Arena {
		if a.Activations+a.Gradients > most.Activations+most.Gradients {
			most = a
		}
	}
	return most
}

// AliveAt counts the buffers that are alive at each of so many steps; step i is operation first+i.
// A buffer's Size counts unit bytes. A buffer that is laid over another counts where the other does
// not.
func AliveAt(bufs []Buffer, steps, first int, unit int64) []Alive {
	out := make([]Alive, steps)
	for i := range out {
		out[i].Op = first + i
	}
	for _, b := range bufs {
		for s := max(b.First, 0); s <= b.Last && s < steps; s++ {
			if o := b.InPlace; o != None && bufs[o].First <= s && s <= bufs[o].Last {
				continue
			}
			if b.Grad {
				out[s].Gradients += unit * int64(b.Size)
			} else {
				out[s].Activations += unit * int64(b.Size)
			}
		}
	}
	return out
}
