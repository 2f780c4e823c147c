package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestFetchResumes interrupts a fetch and finishes it in another call, with the same file on the
// server and with a changed one.
func TestFetchResumes(t *testing.T) {
	a, content := sample()
	for _, changed := range []bool{false, true} {
		t.Run(fmt.Sprintf("changed=%v", changed), func(t *testing.T) {
			first := content
			if changed {
				first = bytes.Repeat([]byte{1}, len(content))
			}
			half := len(content) / 2
			m := newMirror(t, first, func(m *mirror) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("ETag", strconv.Quote(hexSum(m.content)))
					hang(half)(m)(w, r)
				}
			}, honest)
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			o := patient(dir, m.URL)
			o.Progress = func(done, _ int64) {
				if done >= int64(half) {
					cancel()
				}
			}
			if _, err := fetch(ctx, a, o); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "kept") {
				t.Fatalf("have %v", err)
			}
			if n, err := partialSize(filepath.Join(dir, a.name+".partial")); n != int64(half) || err != nil {
				t.Fatalf("want %d bytes kept, have %d, %v", half, n, err)
			}
			m.content = content
			o.Progress = nil
			if _, err := fetch(t.Context(), a, o); err != nil {
				t.Fatal(err)
			}
			wantOnly(t, dir, a, content)
			h := m.seen[1].Header
			if h.Get("Range") != fmt.Sprintf("bytes=%d-", half) || h.Get("If-Range") != strconv.Quote(hexSum(first)) {
				t.Errorf("Range %q, If-Range %q", h.Get("Range"), h.Get("If-Range"))
			}
		})
	}
}

// TestFetchDoesNotMixSources keeps the bytes of one mirror out of the file of another.
func TestFetchDoesNotMixSources(t *testing.T) {
	a, content := sample()
	dir := t.TempDir()
	put(t, filepath.Join(dir, a.name+".partial"), []byte("of unknown origin"))
	m := newMirror(t, content, honest)
	if _, err := fetch(t.Context(), a, patient(dir, m.URL)); err != nil {
		t.Fatal(err)
	}
	if r := m.seen[0].Header.Get("Range"); r != "" {
		t.Errorf("asked for %s", r)
	}
	wantOnly(t, dir, a, content)
}

// TestFetchWholePartial finishes a fetch that was interrupted between the last byte and the
// renaming.
func TestFetchWholePartial(t *testing.T) {
	a, content := sample()
	dir := t.TempDir()
	m := newMirror(t, content, honest)
	partial := filepath.Join(dir, a.name+".partial")
	put(t, partial, content)
	if err := writeOrigin(partial, origin{URL: m.URL}); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), a, patient(dir, m.URL)); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, a, content)
}

// TestFetchAfterPowerLoss goes on with the rest of a download after a cut of the power: zeros for
// bytes that were not durable, of any length, with and without the record of their source.
func TestFetchAfterPowerLoss(t *testing.T) {
	a, content := sample()
	for _, n := range []int{0, 1, len(content) / 2, len(content) - 1, len(content), len(content) + 1} {
		for _, known := range []bool{false, true} {
			for _, kept := range []int{0, 10} {
				dir := t.TempDir()
				m := newMirror(t, content, honest)
				partial := filepath.Join(dir, a.name+".partial")
				left := make([]byte, n)
				copy(left, content[:min(kept, n)])
				put(t, partial, left)
				if known {
					if err := writeOrigin(partial, origin{URL: m.URL}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := fetch(t.Context(), a, patient(dir, m.URL)); err != nil {
					t.Errorf("%d bytes, %d of them right, source known %v: %v", n, kept, known, err)
				}
				wantOnly(t, dir, a, content)
			}
		}
	}
}
