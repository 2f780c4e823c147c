package main

import (
	"io"
	"sync"
	"time"
)

// outlet writes on a goroutine of its own, so that a reader that stands still (a terminal after
// Ctrl-S, a stopped program behind a pipe) holds nothing up. The callers bound the text that
// waits for the reader.
type outlet struct {
	w      io.Writer
	mu     sync.Mutex
	change *sync.Cond
	queue  [][]byte
	size   int // bytes of the queue, and of the write at hand
	began  bool
	err    error // the first one; nothing is written after it
}

func newOutlet(w io.Writer) *outlet {
	o := &outlet{w: w}
	o.change = sync.NewCond(&o.mu)
	return o
}

// put queues b, which the caller gives away, unless more than most bytes wait already.
func (o *outlet) put(b []byte, most int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return true // there is no reader any more
	}
	if o.size > most {
		return false
	}
	if !o.began {
		o.began = true
		go o.write()
	}
	o.queue = append(o.queue, b)
	o.size += len(b)
	o.change.Broadcast()
	return true
}

// waiting is the number of bytes that the reader has not taken yet.
func (o *outlet) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}

// failed is the first error of writing.
func (o *outlet) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *outlet) write() {
	o.mu.Lock()
	for {
		for len(o.queue) == 0 {
			o.change.Wait()
		}
		b := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		_, err := o.w.Write(b)
		o.mu.Lock()
		o.size -= len(b)
		if err != nil {
			o.err, o.queue, o.size = err, nil, 0
		}
		o.change.Broadcast()
	}
}

// flush waits until the reader has taken all. From the end of hurry on it waits no longer than a
// second more.
func (o *outlet) flush(hurry <-chan struct{}) {
	taken := make(chan struct{})
	go func() {
		o.mu.Lock()
		for o.size > 0 {
			o.change.Wait()
		}
		o.mu.Unlock()
		close(taken)
	}()
	select {
	case <-taken:
	case <-hurry:
		select {
		case <-taken:
		case <-time.After(time.Second):
		}
	}
}

// say writes the last words of a process, and with impatient set waits no longer than a second for
// their reader.
func say(w io.Writer, text string, impatient bool) {
	o := newOutlet(w)
	o.put([]byte(text), 0)
	hurry := make(chan struct{})
	if impatient {
		close(hurry)
	}
	o.flush(hurry)
}
