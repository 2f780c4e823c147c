package gpu

import "runtime"

// thread runs functions, one after another, on one operating system thread, which is where a CUDA context and what cuDNN makes for it live. It belongs to one
// goroutine, as the program does.
type thread struct {
	work chan func() error
	done chan error
}

func newThread() *thread {
	t := &thread{work: make(chan func() error), done: make(chan error)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and the context's place in it
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
