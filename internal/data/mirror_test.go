package data

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// mirror serves an archive badly: script k answers request k, the last script all later requests.
type mirror struct {
	*httptest.Server
	content []byte
	scripts []http.HandlerFunc
	mu      sync.Mutex
	seen    []*http.Request
}

func newMirror(t *testing.T, content []byte, scripts ...func(m *mirror) http.HandlerFunc) *mirror {
	m := &mirror{content: content}
	for _, s := range scripts {
		m.scripts = append(m.scripts, s(m))
	}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		k := min(len(m.seen), len(m.scripts)-1)
		m.seen = append(m.seen, r)
		m.mu.Unlock()
		m.scripts[k](w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

// honest answers as a file server does, with ranges and an ETag.
func honest(m *mirror) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", strconv.Quote(hexSum(m.content)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.content))
	}
}

// cut gives honest answers that break off after n bytes.
func cut(n int) func(m *mirror) http.HandlerFunc {
	return func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { honest(m)(&cutter{w, n}, r) }
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) >= c.left {
		c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// hang sends n bytes and then nothing.
func hang(n int) func(m *mirror) http.HandlerFunc {
	return func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(m.content)))
			w.Write(m.content[:n])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
}

// body answers every request with 200 and these bytes.
func body(b []byte) func(m *mirror) http.HandlerFunc {
	return func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.Write(b)
		}
	}
}

// whole ignores ranges.
func whole(m *mirror) http.HandlerFunc { return body(m.content)(m) }

func status(code int) func(m *mirror) http.HandlerFunc {
	return func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
}

// raw takes the connection and writes an answer by hand.
func raw(answer func(m *mirror) []byte) func(m *mirror) http.HandlerFunc {
	return func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			conn.Write(answer(m))
			conn.Close()
		}
	}
}
