package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
)

// Runner trains runs as child processes.
type Runner struct {
	Program string   // shake
	Args    []string // of every run: --device, --data
	Jobs    int      // the number of runs at one time
	// Slot gives the settings of the job with this number, from 0. nil: there are none.
	Slot func(slot int) (overrides []string, env []string)
	// Hear receives the progress p of a running run, or the result end of a run that ended. Calls
	// come one at a time.
	Hear func(r Run, p *Progress, end *Result)
	// Save asks the running runs for a checkpoint, once for each value. nil: there are no requests.
	Save <-chan struct{}
}

// fan passes each value of a channel to one channel for each job.
func fan(from <-chan struct{}, jobs int, done <-chan struct{}) []chan struct{} {
	to := make([]chan struct{}, jobs)
	for i := range to {
		to[i] = make(chan struct{}, 1)
	}
	go func() {
		for {
			select {
			case <-from:
				for _, c := range to {
					select {
					case c <- struct{}{}:
					default: // one request is already waiting
					}
				}
			case <-done:
				return
			}
		}
	}()
	return to
}

// Result is the end of a run, by its directory. Err is the reason, if the run is neither finished
// nor diverged and was not interrupted.
type Result struct {
	Status Status
	Err    error
}

// Train trains the unfinished runs of a list in d and returns the result of each, in their order.
// Finished and diverged runs are not touched. When ctx ends, all running runs are asked for a
// checkpoint. A run that fails does not stop the others.
func (r *Runner) Train(ctx context.Context, d *Directory, runs []Run) []Result {
	results := make([]Result, len(runs))
	var todo []int
	for i, run := range runs {
		if results[i].Status = Look(run); !results[i].Status.State.Over() {
			todo = append(todo, i)
		}
	}
	next := make(chan int)
	go func() {
		defer close(next)
		for _, i := range todo {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	done := make(chan struct{})
	defer close(done)
	jobs := max(1, r.Jobs)
	save := fan(r.Save, jobs, done)
	var all sync.WaitGroup
	var heard sync.Mutex
	for slot := range jobs {
		all.Go(func() {
			// A child is stopped when the thread that started it ends: see attributes.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				hear := func(p *Progress, end *Result) {
					heard.Lock()
					defer heard.Unlock()
					if r.Hear != nil {
						r.Hear(runs[i], p, end)
					}
				}
				err := r.train(ctx, d, runs[i], slot, save[slot], func(p *Progress) { hear(p, nil) })
				result := Result{Status: Look(runs[i]), Err: err}
				switch {
				case result.Status.State.Over():
					result.Err = nil
				case err == nil && ctx.Err() == nil:
					result.Err = errors.New("it ended without an error and is not finished")
				}
				hear(nil, &result)
				results[i] = result
			}
		})
	}
	all.Wait()
	return results
}

func (r *Runner) train(ctx context.Context, d *Directory, run Run, slot int, save <-chan struct{}, hear func(*Progress)) error {
	var overrides, env []string
	if r.Slot != nil {
		overrides, env = r.Slot(slot)
	}
	hear(&Progress{Epochs: run.Row.Spec.Train.Epochs, Steps: Steps(run.Row.Spec)})
	return Child(ctx, r.Program, command(run, d.netFile(run.Row), r.Args, overrides), env, save, func(b []byte) {
		var l line
		if json.Unmarshal(b, &l) != nil || l.Event != "progress" {
			return
		}
		p := Progress{Epoch: l.Epoch, Epochs: l.Epochs, Step: l.Step, Steps: l.Steps, ImagesPerSec: l.ImagesPerSec, ETASeconds: l.ETASeconds}
		if l.Error != nil {
			p.Error = *l.Error
		}
		hear(&p)
	})
}
