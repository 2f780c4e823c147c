// Package cupti records when each kernel of the process ran on its card, also inside graphs, by the
// activity records of NVIDIA's profiling library CUPTI.
//
//	r, err := cupti.Start()
//	r.Push(7)       // the launches of this thread are marked with 7
//	...
//	r.Pop()
//	...             // wait for the card
//	kernels, err := r.Stop()
//
// A process has one Recorder at a time, and none while another profiler records it. Kernels are
// slower while they are recorded, by a microsecond or so each. The library is opened at run time.
package cupti
