package experiment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/dsl"
	"shake/internal/files"
	"shake/internal/files/filestest"
	"shake/nets"
)

func all(string) bool { return true }

func load(t *testing.T, name string, over ...string) *dsl.Sweep {
	t.Helper()
	s, err := nets.LoadSweep(name, over...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDirectory: a directory reads back as its sweep, without the files that the sweep came from.
func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [b]*")
	s := load(t, "table5", "train.epochs=2")
	d, err := Open(dir, s, Whole)
	if err != nil {
		t.Fatal(err)
	}
	var busy *Busy
	if _, err := Open(dir, s, Whole); !errors.As(err, &busy) {
		t.Errorf("a second sweep: %v", err)
	}
	if d2, err := Open(dir, s, Shard{1, 2}); err != nil {
		t.Errorf("a shard: %v", err)
	} else {
		d2.Close()
	}
	d.Close()
	again, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range again.Rows {
		want := s.Rows[i]
		if r.Name != want.Name || r.Paper != want.Paper || r.Diverges != want.Diverges || len(r.Seeds) != len(want.Seeds) || string(r.Spec.TOML()) != string(named(&want).TOML()) {
			t.Errorf("row %d: have %+v, want %+v", i, r, want)
		}
	}
	if n := len(Plan(dir, s, Whole, all)); n != 13 {
		t.Errorf("%d runs, want 13", n)
	}

	var changed *Changed
	if _, err := Open(dir, load(t, "table5", "train.epochs=3"), Whole); !errors.As(err, &changed) || len(changed.Rows) != 10 || !strings.Contains(err.Error(), "c-e-e-b: train.epochs: 2, now 3") {
		t.Errorf("changed rows: %v", err)
	}
	var other *Other
	if _, err := Open(dir, load(t, "table4"), Whole); !errors.As(err, &other) {
		t.Errorf("another sweep: %v", err)
	}
	if d, err := Open(dir, load(t, "table5", "train.epochs=2", "train.workers=1"), Whole); err != nil {
		t.Errorf("a key that may change: %v", err)
	} else {
		d.Close()
	}
}

// TestShardsBegin: shards that begin together make one directory.
func TestShardsBegin(t *testing.T) {
	s := load(t, "figure6", "train.epochs=2")
	top := t.TempDir()
	for round := range 25 {
		dir := filepath.Join(top, fmt.Sprint(round))
		var together sync.WaitGroup
		for i := range 8 {
			together.Go(func() {
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // into the first one's work
				if d, err := Open(dir, s, Shard{i + 1, 8}); err != nil {
					t.Errorf("shard %d: %v", i, err)
				} else {
					d.Close()
				}
			})
		}
		together.Wait()
	}
}

// TestPowerLoss cuts the power after any call by which a sweep makes its directory: the sweep opens
// it again, and once it was open nothing of it is lost.
func TestPowerLoss(t *testing.T) {
	s := load(t, "figure6", "train.epochs=2")
	top := t.TempDir()
	rec, err := filestest.Record(top)
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(filepath.Join(top, "runs", "s"), s, Whole, &files.Disk{Changed: rec.Changed})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	memory, err := os.MkdirTemp("/dev/shm", "shake-test-") // these are thousands of fsyncs
	if err != nil {
		memory = t.TempDir()
	}
	defer os.RemoveAll(memory)
	for n := rec.Len(); n >= 0; n -= 1 + rec.Len()/40 {
		for loss := range filestest.Losses {
			cut := filepath.Join(memory, fmt.Sprint(n, int(loss)))
			if err := rec.Cut(cut, n, loss, rand.New(rand.NewPCG(uint64(n), 0))); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(cut, "runs", "s")
			if n == rec.Len() {
				if _, err := Read(dir); err != nil {
					t.Errorf("after all %d changes, %v: %v", n, loss, err)
				}
			}
			d, err := Open(dir, s, Whole)
			if err != nil {
				t.Fatalf("cut after %d of %d changes, %v: %v", n, rec.Len(), loss, err)
			}
			d.Close()
			if again, err := Read(dir); err != nil || len(again.Rows) != len(s.Rows) {
				t.Errorf("cut after %d of %d changes, %v: %v", n, rec.Len(), loss, err)
			}
		}
	}
}

// TestDirectoryDamaged: damage in a directory is reported, and no file in it is overwritten.
func TestDirectoryDamaged(t *testing.T) {
	for name, text := range map[string]string{SweepFile: "seeds = [1", "a-e-e-b/" + NetFile: "lr = "} {
		dir := t.TempDir()
		s := load(t, "table5")
		d, err := Open(dir, s, Whole)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, s, Whole); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != text {
			t.Errorf("%s was overwritten: %q, %v", name, b, err)
		}
	}
	var none *NoSweep
	if _, err := Read(t.TempDir()); !errors.As(err, &none) {
		t.Errorf("no sweep: %v", err)
	}
}

// TestRowsDoNotMoveShards: a choice of rows leaves every run in its shard.
func TestRowsDoNotMoveShards(t *testing.T) {
	s := load(t, "table1")
	whole := map[string]bool{}
	for _, r := range Plan("d", s, Shard{2, 3}, all) {
		whole[r.Dir] = true
	}
	some := Plan("d", s, Shard{2, 3}, func(row string) bool { return strings.HasPrefix(row, "64d") })
	if len(some) == 0 {
		t.Error("no runs")
	}
	for _, r := range some {
		if !whole[r.Dir] {
			t.Errorf("%s moved to this shard", r.Dir)
		}
	}
}
