package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// hasty options give up a silent connection soon, patient ones never: a busy machine must not look
// like a bad server.
func hasty(dir, from string) FetchOptions {
	return FetchOptions{Dir: dir, From: from, Stall: 200 * time.Millisecond, pause: time.Millisecond}
}

func patient(dir, from string) FetchOptions {
	return FetchOptions{Dir: dir, From: from, Stall: time.Minute, pause: time.Millisecond}
}

// sample returns a small archive with the checksums of its content.
func sample() (archive, []byte) {
	c, files := tiny(cifar10)
	return c.archive, pack(c.entries(files))
}

func TestFetchFromBadServers(t *testing.T) {
	a, content := sample()
	half := len(content) / 2
	other := bytes.Clone(content)
	other[half] ^= 1
	for _, test := range []struct {
		name     string
		scripts  []func(m *mirror) http.HandlerFunc
		requests int
	}{
		{"honest", []func(m *mirror) http.HandlerFunc{honest}, 1},
		{"cut once", []func(m *mirror) http.HandlerFunc{cut(half), honest}, 2},
		{"cut again and again", []func(m *mirror) http.HandlerFunc{cut(len(content)/8 + 1)}, 8},
		{"silent in the middle", []func(m *mirror) http.HandlerFunc{hang(half), honest}, 2},
		{"silent from the start", []func(m *mirror) http.HandlerFunc{func(*mirror) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}, honest}, 2},
		{"ignores ranges", []func(m *mirror) http.HandlerFunc{cut(half), whole}, 2},
		{"busy for a while", []func(m *mirror) http.HandlerFunc{status(503), status(429), status(500), honest}, 4},
		{"announces too much", []func(m *mirror) http.HandlerFunc{raw(func(m *mirror) []byte {
			return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(m.content)+9), m.content...)
		}), honest}, 2},
		{"no length, cut", []func(m *mirror) http.HandlerFunc{raw(func(m *mirror) []byte {
			return append([]byte("HTTP/1.0 200 OK\r\n\r\n"), m.content[:half]...)
		}), honest}, 2},
		{"another range than asked", []func(m *mirror) http.HandlerFunc{cut(half), raw(func(m *mirror) []byte {
			return append(fmt.Appendf(nil, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/%d\r\nContent-Length: %d\r\n\r\n",
				len(m.content)-1, len(m.content), len(m.content)), m.content...)
		}), honest}, 3},
		{"resumes with another file's bytes", []func(m *mirror) http.HandlerFunc{cut(half), raw(func(m *mirror) []byte {
			return append(fmt.Appendf(nil, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n",
				half, len(other)-1, len(other), len(other)-half), other[half:]...)
		}), honest}, 3},
		{"redirects", []func(m *mirror) http.HandlerFunc{func(*mirror) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
		}, honest}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMirror(t, content, test.scripts...)
			dir := t.TempDir()
			var last, total, most int64
			silent := strings.HasPrefix(test.name, "silent")
			o := patient(dir, m.URL+"/")
			if silent {
				o = hasty(dir, m.URL+"/")
			}
			o.Progress = func(d, n int64) { last, total, most = d, n, max(most, d) }
			got, err := fetch(t.Context(), a, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.seen) < test.requests || len(m.seen) > test.requests && !silent {
				t.Errorf("want %d requests, have %d", test.requests, len(m.seen))
			}
			if most > int64(len(content)) {
				t.Errorf("read %d bytes of an answer that was wrong from its header on", most)
			}
			if last != int64(len(content)) || total != last && test.name != "announces too much" {
				t.Errorf("progress ended at %d of %d", last, total)
			}
			wantOnly(t, dir, a, content)
			if got.Path != filepath.Join(dir, a.name) || got.Bytes != int64(len(content)) || got.SHA256 != a.sha256 || got.Already {
				t.Errorf("have %+v", got)
			}
		})
	}
}

// wantOnly fails unless the folder holds the archive and nothing else but the lock.
func wantOnly(t *testing.T, dir string, a archive, content []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, a.name))
	if err != nil || !bytes.Equal(b, content) {
		t.Errorf("the archive is not whole: %v", err)
	}
	wantNothingBut(t, dir, a.name)
}

func wantNothingBut(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") && !strings.Contains(strings.Join(names, " "), e.Name()) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestFetchGivesUp(t *testing.T) {
	a, content := sample()
	wrong := bytes.Clone(content)
	wrong[9] ^= 1
	var sum *ChecksumError
	var code *StatusError
	for _, test := range []struct {
		name     string
		script   func(m *mirror) http.HandlerFunc
		requests int
		as       any
		text     string
	}{
		{"404", status(404), 1, &code, "--from"},
		{"403", status(403), 1, &code, "403"},
		{"500 for ever", status(500), attempts, nil, "given up after 5 attempts"},
		{"always silent", hang(0), attempts, nil, errStalled.Error()},
		{"wrong bytes", body(wrong), 1, &sum, "not the official archive"},
		{"nothing", body(nil), 1, &sum, "(0 bytes)"},
		{"a login page", body([]byte("<!DOCTYPE html><title>Log in</title>")), 1, &sum, "text/html"},
		{"announces too little", body(content[:100]), 1, &sum, "(100 bytes)"},
		{"redirects for ever", func(*mirror) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }
		}, 10, nil, "redirects"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMirror(t, content, test.script)
			dir := t.TempDir()
			o := patient(dir, m.URL+"/x.tar.gz")
			silent := test.name == "always silent"
			if silent {
				o = hasty(dir, o.From)
				o.Stall /= 10
			}
			_, err := fetch(t.Context(), a, o)
			if err == nil || !strings.Contains(err.Error(), test.text) || test.as != nil && !errors.As(err, test.as) {
				t.Fatalf("have %v", err)
			}
			if len(m.seen) != test.requests && !silent {
				t.Errorf("want %d requests, have %d", test.requests, len(m.seen))
			}
			if _, err := os.Stat(filepath.Join(dir, a.name)); err == nil {
				t.Error("an archive was left under its own name")
			}
			if test.as == &sum {
				wantNothingBut(t, dir)
			}
		})
	}
}

func TestFetchEndlessAnswer(t *testing.T) {
	a, _ := sample()
	m := newMirror(t, nil, func(*mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for buf := make([]byte, 1<<20); ; {
				if _, err := w.Write(buf); err != nil {
					return
				}
			}
		}
	})
	var sum *ChecksumError
	if _, err := fetch(t.Context(), a, patient(t.TempDir(), m.URL)); !errors.As(err, &sum) {
		t.Errorf("have %v", err)
	}
}

func TestFetchKeepsAndRepairs(t *testing.T) {
	a, content := sample()
	dir := t.TempDir()
	m := newMirror(t, content, honest)
	o := patient(dir, m.URL)
	put(t, filepath.Join(dir, a.name), content[:50])
	for _, already := range []bool{false, true} {
		got, err := fetch(t.Context(), a, o)
		if err != nil || got.Already != already {
			t.Errorf("want already=%v, have %+v, %v", already, got, err)
		}
		wantOnly(t, dir, a, content)
	}
	if len(m.seen) != 1 {
		t.Errorf("want 1 request, have %d", len(m.seen))
	}
}

func TestFetchLocalFile(t *testing.T) {
	a, content := sample()
	store := t.TempDir()
	good, bad := filepath.Join(store, a.name), filepath.Join(store, "bad")
	put(t, good, content)
	put(t, bad, content[:len(content)-1])
	for _, from := range []string{good, "file://" + good, store} {
		dir := filepath.Join(t.TempDir(), "new", "folder")
		if _, err := fetch(t.Context(), a, FetchOptions{Dir: dir, From: from}); err != nil {
			t.Errorf("%s: %v", from, err)
			continue
		}
		wantOnly(t, dir, a, content)
	}
	var sum *ChecksumError
	dir := t.TempDir()
	if _, err := fetch(t.Context(), a, FetchOptions{Dir: dir, From: bad}); !errors.As(err, &sum) || sum.From != bad {
		t.Errorf("a wrong local file: %v", err)
	}
	if _, err := fetch(t.Context(), a, FetchOptions{Dir: dir, From: filepath.Join(store, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing local file: %v", err)
	}
	wantNothingBut(t, dir)
	if b, err := os.ReadFile(good); err != nil || !bytes.Equal(b, content) {
		t.Errorf("the source was touched: %v", err)
	}
}

func TestFetchRefusesASecondProcess(t *testing.T) {
	a, _ := sample()
	dir := t.TempDir()
	lock := flock.New(filepath.Join(dir, "."+a.name+".lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer lock.Close()
	if _, err := fetch(t.Context(), a, FetchOptions{Dir: dir}); !errors.Is(err, ErrBusy) {
		t.Errorf("have %v", err)
	}
}

// TestFetchFullDisk: the bytes that came before the disk was full are kept.
func TestFetchFullDisk(t *testing.T) {
	a, content := sample()
	dir := t.TempDir()
	m := newMirror(t, content, honest)
	o := patient(dir, m.URL)
	o.wrap = func(io.Writer) io.Writer { return full{} }
	_, err := fetch(t.Context(), a, o)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no room in "+dir) || len(m.seen) != 1 {
		t.Errorf("after %d requests: %v", len(m.seen), err)
	}
	if _, err := fetch(t.Context(), a, patient(dir, m.URL)); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, a, content)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestFetchRefusesUnknownSets(t *testing.T) {
	var se *SetError
	if _, err := Fetch(t.Context(), "synthetic", FetchOptions{}); !errors.As(err, &se) {
		t.Errorf("have %v", err)
	}
}
