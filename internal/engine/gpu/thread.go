package gpu

import "runtime"

// thread runs functions, one after another, on one operating system thread, the home of a CUDA
// context and of cuDNN's objects for it. It belongs to one goroutine, as the program does.
type thread struct {
	work chan func() error
	done chan error
}

func newThread() *thread {
	t := &thread{work: make(chan func() error), done: make(chan error)}
	go func() {
		// Never unlocked: thread and goroutine end together, and the context's place in the thread
		// too
		runtime.LockOSThread()
		defer close(t.done)
		for f := range t.work {
			t.done <- f()
		}
	}()
	return t
}

// do runs f and waits for it.
func (t *thread) do(f func() error) error {
	t.work <- f
	return <-t.done
}

// stop ends the thread.
func (t *thread) stop() {
	close(t.work)
	<-t.done
}
