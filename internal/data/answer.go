package data

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// StatusError is an answer that another attempt would not change.
type StatusError struct {
	URL    string
	Status string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("data: %s: the server says %s; `--from` takes a mirror's URL or a local file", e.URL, e.Status)
}

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

// unframed reports that only the end of the connection marks the end of the body, so that a cut
// looks like an end.
func unframed(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
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
