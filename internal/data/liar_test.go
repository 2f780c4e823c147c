package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// glue cuts every answer in the middle and answers a range with bytes of another file. A download
// from several such answers is wrong in every attempt.
func glue(m *mirror) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, half := len(m.content), len(m.content)/2
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, n-1, n))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(make([]byte, n-from))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(n))
		w.Write(m.content[:half])
		panic(http.ErrAbortHandler)
	}
}

// TestFetchNeverForEver: a server that no number of attempts gets a file from is given up, after a
// known number of requests.
func TestFetchNeverForEver(t *testing.T) {
	a, content := sample()
	for _, test := range []struct {
		name   string
		script func(m *mirror) http.HandlerFunc
		least  int // requests
		most   int
		text   string
	}{
		// The first try makes two requests. The second, without ranges, begins anew each time and
		// never gets further.
		{"glues", glue, 2 + attempts, 3 + attempts, "given up after 5 attempts"},
		// Each answer is cut a little later.
		{"one byte more each time", func(m *mirror) http.HandlerFunc {
			n := 0
			return func(w http.ResponseWriter, r *http.Request) {
				n++
				w.Header().Set("Content-Length", fmt.Sprint(len(m.content)))
				w.Write(m.content[:n])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
		}, 3, 1000, "too slow"},
		{"drips", func(m *mirror) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(len(m.content)))
				for i := range m.content {
					if _, err := w.Write(m.content[i : i+1]); err != nil {
						return
					}
					w.(http.Flusher).Flush()
					time.Sleep(time.Millisecond)
				}
			}
		}, 1, 1, "too slow"},
		{"redirects to a file", func(*mirror) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "file:///etc/passwd")
				w.WriteHeader(http.StatusFound)
			}
		}, 1, 1, "redirects lead nowhere"},
		{"strange status", raw(func(*mirror) []byte {
			return []byte("HTTP/1.1 404 \x1b]0;owned\x07" + strings.Repeat("x", 500) + "\r\n\r\n")
		}), 1, 1, `the server says "404 \x1b]0;owned\ax`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMirror(t, content, test.script)
			dir := t.TempDir()
			o := patient(dir, m.URL+"/x.tar.gz")
			o.grace, o.least = 300*time.Millisecond, 100<<20
			if test.text != "too slow" {
				o.grace = time.Hour
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := fetch(ctx, a, o)
			if err == nil || !strings.Contains(err.Error(), test.text) || len(err.Error()) > 600 || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("have %v", err)
			}
			if n := len(m.seen); n < test.least || n > test.most {
				t.Errorf("%d requests, want %d to %d", n, test.least, test.most)
			}
			if _, err := os.Stat(filepath.Join(dir, a.name)); err == nil {
				t.Error("an archive was left under its own name")
			}
		})
	}
}

// TestFetchSecondChance: after a glued download that is wrong, the file is fetched in one piece.
func TestFetchSecondChance(t *testing.T) {
	a, content := sample()
	n := 0
	m := newMirror(t, content, func(m *mirror) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if n++; n <= 2 {
				glue(m)(w, r)
				return
			}
			if r.Header.Get("Range") != "" {
				t.Errorf("the second chance asks for %s", r.Header.Get("Range"))
			}
			body(m.content)(m)(w, r)
		}
	})
	dir := t.TempDir()
	if _, err := fetch(t.Context(), a, patient(dir, m.URL)); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, a, content)
}

// TestFetchTLS: an untrusted certificate and a server without TLS are errors at the first attempt.
func TestFetchTLS(t *testing.T) {
	a, content := sample()
	requests := 0
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { requests++; w.Write(content) })
	secure := httptest.NewUnstartedServer(answer)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(answer)
	defer plain.Close()
	for from, text := range map[string]string{secure.URL: "SSL_CERT_FILE", strings.Replace(plain.URL, "http:", "https:", 1): "no TLS there"} {
		began := time.Now()
		o := patient(t.TempDir(), from)
		o.pause = time.Hour // a second attempt would hang the test
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := fetch(ctx, a, o)
		cancel()
		if err == nil || !strings.Contains(err.Error(), text) || requests > 0 {
			t.Errorf("after %v and %d requests: have %v, want %q", time.Since(began), requests, err, text)
		}
	}
	o := patient(t.TempDir(), secure.URL)
	o.Client = secure.Client()
	if _, err := fetch(t.Context(), a, o); err != nil {
		t.Errorf("with the certificate known: %v", err)
	}
}

// TestFetchProxy goes through a proxy. The error names a proxy that refuses or does not exist.
func TestFetchProxy(t *testing.T) {
	a, content := sample()
	through := func(proxy string) *http.Client {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
	}
	m := newMirror(t, content, honest)
	dir := t.TempDir()
	o := patient(dir, "http://mirror.invalid/x.tar.gz")
	o.Client = through(m.URL)
	if _, err := fetch(t.Context(), a, o); err != nil || m.seen[0].Host != "mirror.invalid" {
		t.Fatalf("through a proxy: %v", err)
	}
	wantOnly(t, dir, a, content)

	refuses := newMirror(t, nil, status(http.StatusProxyAuthRequired))
	o = patient(t.TempDir(), "http://mirror.invalid/x.tar.gz")
	o.Client = through(refuses.URL)
	if _, err := fetch(t.Context(), a, o); err == nil || !strings.Contains(err.Error(), "407") {
		t.Errorf("a proxy that wants a password: %v", err)
	}
	gone := newMirror(t, nil, honest)
	gone.Close()
	o = patient(t.TempDir(), "http://mirror.invalid/x.tar.gz")
	o.Client = through(gone.URL)
	if _, err := fetch(t.Context(), a, o); err == nil || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Errorf("a proxy that is not there: %v", err)
	}
}

// TestFetchIntoHostileFolder: a link or a pipe under a name that Fetch writes to is not followed,
// waited for or replaced.
func TestFetchIntoHostileFolder(t *testing.T) {
	a, content := sample()
	for _, name := range []string{a.name + ".partial", a.name} {
		for _, kind := range []string{"link", "pipe"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				victim, path := filepath.Join(t.TempDir(), "victim"), filepath.Join(dir, name)
				put(t, victim, []byte("mine"))
				var err error
				if kind == "link" {
					err = os.Symlink(victim, path)
				} else {
					err = syscall.Mkfifo(path, 0o600)
				}
				if err != nil {
					t.Skip(err)
				}
				m := newMirror(t, content, honest)
				if strings.HasSuffix(name, ".partial") {
					if err := writeOrigin(path, origin{URL: m.URL}); err != nil {
						t.Fatal(err)
					}
				}
				_, err = fetch(t.Context(), a, patient(dir, m.URL))
				if kind == "link" && name == a.name { // the archive replaces the link itself
					if info, lerr := os.Lstat(path); err != nil || lerr != nil || !info.Mode().IsRegular() {
						t.Errorf("have %v, %v", err, lerr)
					}
				} else if err == nil || !strings.Contains(err.Error(), "regular file") {
					t.Errorf("have %v", err)
				}
				if b, err := os.ReadFile(victim); err != nil || string(b) != "mine" {
					t.Errorf("the link was written through: %q, %v", b, err)
				}
			})
		}
	}
}

// TestFetchSparse: a file of 1 TiB is neither copied nor read.
func TestFetchSparse(t *testing.T) {
	a, _ := sample()
	dir := t.TempDir()
	sparse := filepath.Join(dir, "sparse")
	put(t, sparse, nil)
	if err := os.Truncate(sparse, 1<<40); err != nil {
		t.Skip(err)
	}
	var sum *ChecksumError
	if _, err := fetch(t.Context(), a, FetchOptions{Dir: t.TempDir(), From: sparse}); !errors.As(err, &sum) || sum.Bytes != 1<<40 {
		t.Errorf("have %v", err)
	}
	if _, err := fetch(t.Context(), a, FetchOptions{Dir: t.TempDir(), From: "/dev/zero"}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("/dev/zero: have %v", err)
	}
}
