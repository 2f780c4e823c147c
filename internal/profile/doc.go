// Package profile says where the time of a training step goes. It runs steps of a program that can
// be timed (engine.Profiler), and makes a table, pictures and a trace of them, the same for every
// device.
//
//	p, err := profile.Take(ctx, prog, g, spec, profile.Options{Warmup: 2, Steps: 5})
//	rows, err := p.Rows(profile.ByShape)
//	err = p.WriteTrace(w)
package profile
