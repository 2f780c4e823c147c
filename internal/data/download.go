package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	attempts     = 5                // in a row without progress
	defaultStall = 30 * time.Second // of silence before a connection is given up
	firstPause   = 500 * time.Millisecond
	longestPause = 8 * time.Second
	leastSpeed   = 8 << 10 // bytes a second on the mean of a download; a slower one is given up
	grace        = 2 * time.Minute
)

// errStalled ends a connection that has been silent for too long.
var errStalled = errors.New("the server went silent")

// download fills the partial file with the file at url and connects again as long as the file
// grows. With ranges, a connection goes on from the bytes that are there. Without, every connection
// begins anew, so that the result comes from one answer. resumed reports whether the result comes
// from several.
func download(ctx context.Context, a archive, url, partial string, ranges bool, o FetchOptions) (resumed bool, err error) {
	o.setDefaults()
	if at := readOrigin(partial); at.URL != url || !ranges {
		if err := discard(partial); err != nil {
			return false, err
		}
	}
	best, err := partialSize(partial)
	if err != nil {
		return false, err
	}
	p := &pace{began: time.Now(), from: best, least: o.least, grace: o.grace}
	pause := o.pause
	for failed := 0; ; {
		if !ranges {
			if err := discard(partial); err != nil {
				return false, err
			}
		}
		glued, err := request(ctx, a, url, partial, p, o)
		resumed = resumed || glued
		var retry *retryError
		if err == nil || !errors.As(err, &retry) {
			return resumed, err
		}
		size, serr := partialSize(partial)
		if serr != nil {
			return resumed, serr
		}
		if size > best {
			best, failed, pause = size, 0, o.pause
		} else if failed++; failed == attempts {
			return resumed, fmt.Errorf("data: %s: given up after %d attempts: %w; run the same command again to go on, or use `--from`", url, attempts, retry.err)
		}
		if err := p.check(best, url); err != nil {
			return resumed, err
		}
		select {
		case <-ctx.Done():
			return resumed, fmt.Errorf("data: fetching %s: %w", url, context.Cause(ctx))
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// pace watches the mean speed of a download over all its connections. A server that sends a byte
// now and then is never silent and never finishes.
type pace struct {
	began time.Time
	from  int64 // size of the partial file at the start
	least int64 // bytes a second
	grace time.Duration
}

// check returns an error if the download to have bytes has been too slow for too long.
func (p *pace) check(have int64, url string) error {
	took := time.Since(p.began)
	if took < p.grace || have-p.from >= int64(float64(p.least)*took.Seconds()) {
		return nil
	}
	return fmt.Errorf("data: %s: too slow: %d bytes in %v, want at least %d a second; what has come so far is kept: run the same command again to go on, or use `--from` with a mirror",
		url, max(have-p.from, 0), took.Round(time.Second), p.least)
}

// retryError wraps a failure of the network that may pass.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// request makes one connection. It returns nil when the server's file has ended, and reports
// whether it appended.
func request(ctx context.Context, a archive, url, partial string, p *pace, o FetchOptions) (appended bool, err error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(o.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	req, err := http.NewRequestWithContext(inner, http.MethodGet, url, nil)
	if err != nil {
		return false, fmt.Errorf("data: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	have, err := partialSize(partial)
	if err != nil {
		return false, err
	}
	from := readOrigin(partial)
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if from.Validator != "" {
			req.Header.Set("If-Range", from.Validator)
		}
	}
	resp, err := o.Client.Do(req)
	watchdog.Stop() // it measures the network, not the disk
	if err != nil {
		return false, passing(ctx, inner, url, err)
	}
	defer resp.Body.Close()
	total, err := accept(resp, partial, have)
	if err != nil || total == complete {
		return have > 0, err
	}
	appended = resp.StatusCode == http.StatusPartialContent
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND | syscall.O_NOFOLLOW
	if !appended {
		have, flags = 0, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW
	}
	out, err := os.OpenFile(partial, flags, 0o644)
	if err != nil {
		return false, fmt.Errorf("data: %w", err)
	}
	if !appended {
		if err := writeOrigin(partial, origin{URL: url, Validator: validator(resp.Header)}); err != nil {
			out.Close()
			return false, fmt.Errorf("data: %w", err)
		}
	}
	w := &sink{w: o.wrapped(out), done: have, total: total, progress: o.Progress, ctx: inner}
	err = pump(w, a.size, func(b []byte) (int, error) {
		if err := p.check(w.done, url); err != nil {
			return 0, &slowError{err}
		}
		watchdog.Reset(o.Stall)
		defer watchdog.Stop()
		return resp.Body.Read(b)
	})
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && w.done < a.size && unframed(resp) {
		return appended, &retryError{io.ErrUnexpectedEOF}
	}
	var slow *slowError
	if errors.As(err, &slow) {
		return appended, slow.err
	}
	var broken *retryError
	if errors.As(err, &broken) {
		return appended, passing(ctx, inner, url, broken.err)
	}
	if err != nil {
		return appended, fmt.Errorf("data: fetching %s: %w", url, err)
	}
	return appended, nil
}

// slowError wraps the error of pace, which is final.
type slowError struct{ err error }

func (e *slowError) Error() string { return e.err.Error() }

// pump copies from the network to the disk. Errors of the network are *retryError, errors of the
// disk are not. It stops soon after limit bytes: a longer file is wrong, and its checksum will say
// so.
func pump(w *sink, limit int64, read func(p []byte) (int, error)) error {
	buf := make([]byte, 1<<17)
	for {
		n, rerr := read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				if context.Cause(w.ctx) != nil {
					return &retryError{err}
				}
				return err
			}
		}
		if rerr == io.EOF || w.done > limit {
			return nil
		}
		if rerr != nil {
			return &retryError{rerr}
		}
	}
}
