package data

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"shake/internal/files"
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

// StatusError is an answer that another attempt would not change.
type StatusError struct {
	URL    string
	Status string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("data: %s: the server says %s; `--from` takes a mirror's URL or a local file", e.URL, e.Status)
}

// origin is the source of a partial file. It is kept beside the file.
type origin struct {
	URL       string `json:"url"`
	Validator string `json:"validator"` // strong ETag, else Last-Modified, else "" (RFC 9110, 13.1.5)
}

func originFile(partial string) string { return partial + ".json" }

// readOrigin returns the zero origin if the file's origin is not known.
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

// validator returns the value for If-Range after a response.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

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

// complete is accept's total when no byte is left to read.
const complete = -2

// accept judges an answer to a request from byte have on. It returns the size of the whole file, -1
// if unknown.
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
			return 0, &retryError{fmt.Errorf("%s: asked for bytes from %d, got Content-Range %q", url, have, short(resp.Header.Get("Content-Range")))}
		}
		if n < 3 {
			total = -1
		}
		return total, nil
	case code == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return complete, nil // whole or wrong: the checksum tells
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return 0, &retryError{fmt.Errorf("%s: the server says %s", url, says(resp))}
	}
	return 0, &StatusError{URL: url, Status: says(resp)}
}

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

// unframed reports that only the end of the connection marks the end of the body, so that a cut
// looks like an end.
func unframed(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
}

// passing wraps failures of the network that may pass as *retryError. Final failures stay as they
// are: the caller's own cancellation, a certificate that is not trusted, redirects in a circle.
func passing(outer, inner context.Context, url string, err error) error {
	if outer.Err() != nil {
		return fmt.Errorf("data: stopped (what has come so far is kept and resumed): %w", context.Cause(outer))
	}
	if cause := context.Cause(inner); cause != nil {
		return &retryError{cause}
	}
	var cert *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.Is(err, errRedirect):
		return fmt.Errorf("data: %w; `--from` takes a mirror's URL or a local file", err)
	case errors.As(err, &cert):
		return fmt.Errorf("data: %w; if a proxy opens the connection, SSL_CERT_FILE can name its certificate; `--from` takes a mirror's URL or a local file", err)
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("data: %s: no TLS there: is it http://, or a proxy's port?", url)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		err = fmt.Errorf("%w (HTTPS_PROXY and HTTP_PROXY name the proxy, NO_PROXY what goes past it)", err)
	}
	return &retryError{err}
}

// errRedirect ends a chain of redirects that leads nowhere.
var errRedirect = errors.New("the server's redirects lead nowhere")

// redirect follows up to ten redirects, to http and https only.
func redirect(next *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return fmt.Errorf("%w: more than 10, the last to %q", errRedirect, short(next.URL.Redacted()))
	}
	if s := next.URL.Scheme; s != "http" && s != "https" {
		return fmt.Errorf("%w: to %q", errRedirect, short(next.URL.Redacted()))
	}
	return nil
}

// says returns the status of an answer in the server's words, quoted if they are not plain text.
func says(resp *http.Response) string {
	s := short(resp.Status)
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// short cuts a server's text to the length that fits a message.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// partialSize is the size of the partial file, 0 if there is none. A partial file is always
// regular: anything else under its name, such as a link, is an error.
func partialSize(file string) (int64, error) {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("data: %w", err)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("data: %s is not a regular file: remove it, or choose another folder with --dir", file)
	}
	return info.Size(), nil
}
