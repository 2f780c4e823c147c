package cudnn

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	c, err := OpenCache(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	c.Report = func(file, why string) { said = append(said, filepath.Base(file)+": "+why) }
	if e := c.load("k"); e != nil || said != nil {
		t.Errorf("nothing there: have %v, said %q", e, said)
	}
	want := &entry{Card: "card", Version: "9.1.2", Operation: "op", Engine: "e1 STAGES=3", Config: EngineConfig{1, []Setting{{KnobStages, 3}}}, Time: time.Millisecond, Plan: "plan\x01text"}
	c.store("k", want)
	if e := c.load("k"); !reflect.DeepEqual(e, want) || said != nil {
		t.Errorf("have %v, said %q, want %v", e, said, want)
	}
	b, err := os.ReadFile(c.file("k"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b { // a change of any bit is seen
		b[i] ^= 4
		if err := os.WriteFile(c.file("k"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		said = nil
		if e := c.load("k"); e != nil || len(said) != 1 || !strings.HasPrefix(said[0], "k.plan: damaged") {
			t.Fatalf("byte %d: have %v, said %q", i, e, said)
		}
		if _, err := os.Stat(c.file("k")); !os.IsNotExist(err) {
			t.Fatalf("byte %d: the damaged file stays: %v", i, err)
		}
		b[i] ^= 4
	}
}

// TestCacheManyWriters fills one key from many goroutines while others read: every entry read is
// whole.
func TestCacheManyWriters(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			c, err := OpenCache(dir)
			if err != nil {
				t.Error(err)
				return
			}
			c.Report = func(file, why string) { t.Errorf("%s: %s", file, why) }
			e := &entry{Card: "card", Plan: strings.Repeat(string(rune('a'+i)), 10000*(i+1))}
			for range 50 {
				c.store("k", e)
				have := c.load("k")
				if have == nil || len(have.Plan)%10000 != 0 || strings.Trim(have.Plan, have.Plan[:1]) != "" {
					t.Errorf("read half a file")
				}
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, ".new*")); len(left) > 0 {
		t.Errorf("temporary files stay: %v", left)
	}
}

func TestCacheCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(filepath.Join(file, "below")); err == nil || !strings.Contains(err.Error(), "folder of cached plans") {
		t.Errorf("have %v", err)
	}
}

// TestKey changes everything that decides about a plan, one item at a time.
func TestKey(t *testing.T) {
	x, w := NHWC(2, 8, 4, 4, BF16), NHWC(8, 8, 3, 3, BF16)
	conv := ConvDesc{Pad: [2]int{1, 1}}
	slice, _, _ := NHWC(2, 16, 4, 4, BF16).Channels(0, 8)
	aligned := x
	aligned.Align = 32
	seen := map[string]string{}
	for _, c := range []struct {
		name, version, card string
		g                   *Graph
		o                   []Option
	}{
		{"one", "9.1.0", "a", ConvForwardGraph(x, w, x, conv), nil},
		{"version", "9.1.1", "a", ConvForwardGraph(x, w, x, conv), nil},
		{"card", "9.1.0", "b", ConvForwardGraph(x, w, x, conv), nil},
		{"batch", "9.1.0", "a", ConvForwardGraph(NHWC(3, 8, 4, 4, BF16), w, NHWC(3, 8, 4, 4, BF16), conv), nil},
		{"type", "9.1.0", "a", ConvForwardGraph(NHWC(2, 8, 4, 4, F16), w, x, conv), nil},
		{"strides", "9.1.0", "a", ConvForwardGraph(slice, w, x, conv), nil},
		{"alignment", "9.1.0", "a", ConvForwardGraph(aligned, w, x, conv), nil},
		{"direction", "9.1.0", "a", ConvBackwardDataGraph(x, w, x, conv), nil},
		{"dilation", "9.1.0", "a", ConvForwardGraph(x, w, x, ConvDesc{Pad: [2]int{2, 2}, Dilation: [2]int{2, 2}}), nil},
		{"deterministic", "9.1.0", "a", ConvForwardGraph(x, w, x, conv), []Option{Deterministic()}},
		{"workspace", "9.1.0", "a", ConvForwardGraph(x, w, x, conv), []Option{WorkspaceLimit(1 << 20)}},
		{"accumulate", "9.1.0", "a", ConvForwardGraph(x, w, x, conv, Accumulate(1)), []Option{Accumulate(1)}},
		{"norm", "9.1.0", "a", BatchNormForwardGraph(x, x, NormDesc{}), nil},
	} {
		opt := resolve(c.o)
		k := key(c.version, c.card, c.g, opt, false)
		if k != key(c.version, c.card, c.g, opt, false) || len(k) != 32 {
			t.Errorf("%s: %s does not stay", c.name, k)
		}
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have one key", c.name, other)
		}
		seen[k] = c.name
	}
	a, b := BatchNormForwardGraph(x, x, NormDesc{}), BatchNormForwardGraph(x, x, NormDesc{Epsilon: 1e-3})
	if key("9", "a", a, resolve(nil), false) != key("9", "a", b, resolve(nil), false) {
		t.Error("another epsilon is another key, though a plan takes either")
	}
}
