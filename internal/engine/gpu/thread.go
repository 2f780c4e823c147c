package gpu

import "runtime"

// thread runs functions, one after another, on one operating system thread, which is where a CUDA context and what cuDNN makes for it live.
type thread struct {
	work chan func()
	done chan struct{}
}

func newThread() *thread {
	t := &thread{work: make(chan func()), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and the context's place in it
		defer close(t.done)
		for f := range t.work {
			f()
		}
	}()
	return t
}

// do runs f and waits for it.
func (t *thread) do(f func() error) error {
	var err error
	finished := make(chan struct{})
	t.work <- func() {
		defer close(finished)
		err = f()
	}
	<-finished
	return err
}

// stop ends the thread.
func (t *thread) stop() {
	close(t.work)
	<-t.done
}
