package dsl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"shake/internal/golden"
)

var sweeping = &Loader{Builtin: os.DirFS("../nets"), Sweeps: os.DirFS("../nets/paper")}

// TestSweepMistakes holds every message for a wrong sweep against its golden.
func TestSweepMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/sweeps/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		_, err := sweeping.LoadSweep(file)
		var es Errors
		if !errors.As(err, &es) {
			t.Errorf("%s: %T, %v", file, err, err)
			continue
		}
		golden.Compare(t, strings.TrimSuffix(file, "toml")+"golden", filepath.ToSlash(err.Error())+"\n")
	}
}

const twoRows = `
title = "two"
net   = "quick"
set   = ["train.epochs=3"]
seeds = [1, 2]

[[row]]
name = "a"
set  = ["train.epochs=4"]

[[row]]
name  = "b"
model = "B"
seeds = [7]
paper = 4
runs  = 3
`

// TestSweep: the overrides of sweep, row and command line are laid over each other in this order.
func TestSweep(t *testing.T) {
	s, err := sweeping.ParseSweep("dir/two rows.toml", []byte(twoRows), "train.batch=64")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "two-rows" || s.Title != "two" || len(s.Rows) != 2 {
		t.Fatalf("have %+v", s)
	}
	a, b := s.Rows[0], s.Rows[1]
	if a.Spec.Train.Epochs != 4 || a.Spec.Train.Batch != 64 || a.Model != "quick" || !reflect.DeepEqual(a.Seeds, []uint64{1, 2}) {
		t.Errorf("have %+v, %+v", a, a.Spec.Train)
	}
	if want := []string{"train.epochs=3", "train.epochs=4", "train.batch=64"}; !reflect.DeepEqual(a.Overrides, want) {
		t.Errorf("overrides %q, want %q", a.Overrides, want)
	}
	if b.Spec.Train.Epochs != 3 || b.Model != "B" || b.Paper != 4 || b.Runs != 3 || !reflect.DeepEqual(b.Seeds, []uint64{7}) {
		t.Errorf("have %+v", b)
	}
}

// TestSweepOverrideOnce: a mistake of the command line is said once, and not for every row.
func TestSweepOverrideOnce(t *testing.T) {
	_, err := sweeping.ParseSweep("two.toml", []byte(twoRows), "train.epoch=4")
	if want := `-o train.epoch=4: train.epoch: want one of `; err == nil || !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("have %v", err)
	}
}

// TestSweepWrite: a written sweep reads back the same, but for the overrides, which are in its
// networks.
func TestSweepWrite(t *testing.T) {
	s, err := sweeping.ParseSweep("two.toml", []byte(twoRows+"\n[[cited]]\nmodel = \"\\\"\\u0007\\\\ x\"\ndata = \"cifar100\"\nerror = 18.3\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := sweeping.ParseSweep("other.toml", s.TOML(func(*Row) string { return "quick" }))
	if err != nil {
		t.Fatalf("%v\n%s", err, s.TOML(func(*Row) string { return "quick" }))
	}
	for i := range s.Rows {
		s.Rows[i].Net, s.Rows[i].Set, s.Rows[i].Overrides, s.Rows[i].Spec = "quick", []string{}, nil, nil
		again.Rows[i].Overrides, again.Rows[i].Spec, again.Rows[i].Set = nil, nil, []string{}
	}
	s.Net, s.Set, s.Seeds = "", nil, nil
	if s.Cited[0].Model != "\"\a\\ x" || !reflect.DeepEqual(s, again) {
		t.Errorf("want %+v\nhave %+v", s, again)
	}
}

func TestSweepNotFound(t *testing.T) {
	_, err := sweeping.LoadSweep("table11")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "built-in sweep (") || !strings.Contains(err.Error(), `did you mean "table1"?`) {
		t.Errorf("have %v", err)
	}
}

func FuzzSweep(f *testing.F) {
	f.Add([]byte(twoRows))
	for _, name := range sweeping.SweepNames() {
		b, err := os.ReadFile("../nets/paper/" + name + ".toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := sweeping.ParseSweep("fuzz.toml", text)
		if (s == nil) == (err == nil) {
			t.Errorf("sweep %v, error %v", s, err)
		}
	})
}
