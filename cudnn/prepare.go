package cudnn

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// ErrStopped is the error of a call that was left off because it was asked to.
var ErrStopped = errors.New("cudnn: stopped before the end")

// Preparation is work for Prepare.
type Preparation struct {
	// Tasks ask their handle for plans, by Plan, Plans or a method that prepares an operation, and
	// close them. A task runs on the thread of its handle.
	Tasks   []func(*Handle)
	Workers int         // threads; at most one a task is used
	Done    func()      // is called behind each task, never twice at once; nil: nothing
	Stop    func() bool // says whether to leave the rest off; any thread may ask it; nil: never
}

// Prepare makes the plans of p's tasks on several threads at once, each with a handle of its own
// for h's card and h's cache. It waits for them. From then on, until Forget, h reads an engine's
// plan from the text that the library wrote of it, where h would otherwise have the library prepare
// the engine: h finds the same plans and the same refusals as without Prepare, at any number of
// workers. The text of an engine that is compiled at run time has its code, so nothing is compiled
// again.
//
// A worker without a handle leaves its tasks to the others. Errors: ErrStopped, once the plans
// under way are finished, where Stop said so; the error of New if no worker has a handle;
// ErrInvalid where a task left a plan open.
func (h *Handle) Prepare(p Preparation) error {
	if err := h.usable("Prepare"); err != nil {
		return err
	}
	if h.made == nil {
		h.made = &preparations{all: map[string]*preparation{}}
	}
	tasks := make(chan func(*Handle), len(p.Tasks))
	for _, t := range p.Tasks {
		tasks <- t
	}
	close(tasks)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var none, left error // why a worker has no handle; why it could not close one
	opened := 0
	for range min(p.Workers, len(p.Tasks)) {
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends, and its context's place in it too
			w, err := h.another()
			mu.Lock()
			if err == nil {
				opened++
			} else if none == nil {
				none = err
			}
			mu.Unlock()
			if err != nil {
				return
			}
			w.made, w.cache, w.stop = h.made, h.cache, p.Stop
			for t := range tasks {
				if w.stopped() {
					break
				}
				t(w)
				mu.Lock()
				if p.Done != nil {
					p.Done()
				}
				mu.Unlock()
			}
			err = w.Close()
			mu.Lock()
			defer mu.Unlock()
			if left == nil {
				left = err
			}
		})
	}
	wg.Wait()
	switch {
	case p.Stop != nil && p.Stop():
		return ErrStopped
	case opened == 0:
		return none
	}
	return left
}

// Forget frees the plans of Prepare. The cache, if any, keeps them.
func (h *Handle) Forget() { h.made = nil }

// another is a handle like h, for the calling thread.
func (h *Handle) another() (*Handle, error) {
	if h.ctx == nil {
		return Offline(h.properties)
	}
	return New(h.ctx)
}

func (h *Handle) stopped() bool { return h.stop != nil && h.stop() }

// preparations are the plans of Prepare, by graph, options, engine and settings.
type preparations struct {
	mu  sync.Mutex
	all map[string]*preparation
}

// preparation is a plan as text, or the reason why there is none.
type preparation struct {
	done   chan struct{} // closed when the rest is there
	text   string        // "": the library does not write this plan
	failed *Error
}

// find is the preparation of that name. The first to ask gets mine, and has to fill it and close
// done; the others wait for it.
func (p *preparations) find(name string) (it *preparation, mine bool) {
	p.mu.Lock()
	it = p.all[name]
	if it == nil {
		it, mine = &preparation{done: make(chan struct{})}, true
		p.all[name] = it
	}
	p.mu.Unlock()
	if !mine {
		<-it.done
	}
	return it, mine
}

// drop takes a preparation out: a later question for it begins anew.
func (p *preparations) drop(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, name)
}

// prepared is the finalized plan of an engine's configuration: read from the text of another
// thread's plan, or made here and written for the others.
func (s *search) prepared(config descriptor, e engine) (descriptor, *Error) {
	made := s.h.made
	if made == nil {
		return s.finalized(config)
	}
	name := s.base + fmt.Sprint(" ", EngineConfig{e.index, e.set})
	it, mine := made.find(name)
	if !mine {
		if it.failed != nil {
			failed := *it.failed // whose kind the search may change
			return 0, &failed
		}
		if it.text != "" {
			if d, st := s.h.fromText(it.text); st == 0 {
				return d, nil
			}
		}
		return s.finalized(config)
	}
	defer close(it.done)
	if s.h.stopped() {
		made.drop(name)
		stopped := Error{Op: s.g.Name, On: s.g.on(), kind: ErrStopped}
		it.failed = &stopped
		failed := stopped
		return 0, &failed
	}
	d, failed := s.finalized(config)
	if failed != nil {
		kept := *failed
		it.failed = &kept
		return 0, failed
	}
	it.text, _ = s.h.b.getString(d, attrPlanJSON)
	return d, nil
}

// finalized has the library prepare an engine's configuration.
func (s *search) finalized(config descriptor) (descriptor, *Error) {
	attrs := []attr{{attrPlanConfig, typeDescriptor, config}}
	made, st := s.h.b.build([]spec{{descPlan, s.h.where(attrs)}})
	if st != 0 {
		return 0, s.failure(st)
	}
	return made[0], nil
}

// fromText is the finalized plan that a text describes.
func (h *Handle) fromText(text string) (descriptor, Status) {
	made, st := h.b.build([]spec{{descPlan, append(h.where(nil), attr{attrPlanJSON, typeChar, text})}})
	if st != 0 {
		return 0, st
	}
	return made[0], 0
}
