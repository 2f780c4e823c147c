package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"shake/internal/files"
)

const (
	attempts     = 5                // in a row that got no further
	defaultStall = 30 * time.Second // of silence before a connection is given up
	firstPause   = 500 * time.Millisecond
	longestPause = 8 * time.Second
)

// errStalled ends a connection that has been silent for too long.
var errStalled = errors.New("the server went silent")

// StatusError is an answer that trying again does not change.
type StatusError struct {
	URL    string
	Status string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("data: %s: %s; `--from` takes a mirror's URL or a local file", e.URL, e.Status)
}

// origin is what a partial file was begun from. It is kept beside the file.
type origin struct {
	URL       string `json:"url"`
	Validator string `json:"validator"` // strong ETag, else Last-Modified, else "": see RFC 9110, 13.1.5
}

func originFile(partial string) string { return partial + ".json" }

// readOrigin returns the zero origin if none is known.
func readOrigin(partial string) (o origin) {
	b, err := files.Read(originFile(partial), 1<<16)
	if err != nil || json.Unmarshal(b, &o) != nil {
		return origin{}
	}
	return o
}

func writeOrigin(partial string, o origin) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return files.ReplaceBytes(originFile(partial), b)
}

// validator returns what If-Range may hold for a response.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// download appends to the partial file what is missing of the file at url, connecting again as long as it grows.
// It reports whether the result is put together from more than one answer.
func download(ctx context.Context, a archive, url, partial string, o FetchOptions) (resumed bool, err error) {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	if o.pause == 0 {
		o.pause = firstPause
	}
	if at := readOrigin(partial); at.URL != url {
		if err := discard(partial); err != nil {
			return false, err
		}
	}
	pause, best := o.pause, fileSize(partial)
	for failed := 0; ; {
		glued, err := request(ctx, a, url, partial, o)
		resumed = resumed && glued || glued
		var retry *retryError
		if err == nil || !errors.As(err, &retry) {
			return resumed, err
		}
		if size := fileSize(partial); size > best {
			best, failed, pause = size, 0, o.pause
		} else if failed++; failed == attempts {
			return resumed, fmt.Errorf("data: %s: given up after %d attempts: %w; run the same command again to go on, or use `--from`", url, attempts, retry.err)
		}
		select {
		case <-ctx.Done():
			return resumed, fmt.Errorf("data: fetching %s: %w", url, context.Cause(ctx))
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// retryError wraps a failure of the network that may pass.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// request makes one connection. It returns nil when the server's file has ended, and reports whether it appended.
func request(ctx context.Context, a archive, url, partial string, o FetchOptions) (appended bool, err error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(o.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	req, err := http.NewRequestWithContext(inner, http.MethodGet, url, nil)
	if err != nil {
		return false, fmt.Errorf("data: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	have, from := fileSize(partial), readOrigin(partial)
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if from.Validator != "" {
			req.Header.Set("If-Range", from.Validator)
		}
	}
	resp, err := o.Client.Do(req)
	watchdog.Stop() // it measures the network, not the disk
	if err != nil {
		return false, passing(ctx, inner, err)
	}
	defer resp.Body.Close()
	total, err := accept(resp, partial, have)
	if err != nil || total == complete {
		return have > 0, err
	}
	appended = resp.StatusCode == http.StatusPartialContent
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !appended {
		have, flags = 0, os.O_WRONLY|os.O_CREATE|os.O_TRUNC
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
	w := &sink{w: out, done: have, total: total, progress: o.Progress, ctx: inner}
	err = pump(w, a.size+slack, func(p []byte) (int, error) {
		watchdog.Reset(o.Stall)
		defer watchdog.Stop()
		return resp.Body.Read(p)
	})
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && w.done < a.size && unframed(resp) {
		return appended, &retryError{io.ErrUnexpectedEOF}
	}
	var broken *retryError
	if errors.As(err, &broken) {
		return appended, passing(ctx, inner, broken.err)
	}
	if err != nil {
		return appended, fmt.Errorf("data: fetching %s: %w", url, err)
	}
	return appended, nil
}

// complete is accept's total when there is nothing left to read.
const complete = -2

// accept judges an answer to a request from byte have on. It returns the size of the whole file, -1 if unknown.
func accept(resp *http.Response, partial string, have int64) (total int64, err error) {
	url := resp.Request.URL.Redacted()
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return resp.ContentLength, nil
	case code == http.StatusPartialContent && have > 0:
		var first, last int64
		n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total)
		if n < 2 || first != have {
			if err := discard(partial); err != nil {
				return 0, err
			}
			return 0, &retryError{fmt.Errorf("%s: asked for bytes from %d, got Content-Range %q", url, have, resp.Header.Get("Content-Range"))}
		}
		if n < 3 {
			total = -1
		}
		return total, nil
	case code == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return complete, nil // whole or wrong: the checksum tells
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return 0, &retryError{fmt.Errorf("%s: %s", url, resp.Status)}
	}
	return 0, &StatusError{URL: url, Status: resp.Status}
}

// pump copies from the network to the disk. Errors of the network are *retryError, those of the disk are not.
// It stops soon after limit bytes: such a file is wrong, as its checksum will say.
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

// unframed says that only the end of the connection marks the end of the body, so that a cut looks like an end.
func unframed(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
}

// passing tells the caller's own cancellation, which is final, from a failure of the network.
func passing(outer, inner context.Context, err error) error {
	if outer.Err() != nil {
		return fmt.Errorf("data: stopped (what has come so far is kept and resumed): %w", context.Cause(outer))
	}
	if cause := context.Cause(inner); cause != nil {
		err = cause
	}
	return &retryError{err}
}

// fileSize is 0 if there is no file.
func fileSize(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}
