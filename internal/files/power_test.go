package files_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"shake/internal/files"
	"shake/internal/files/filestest"
)

// TestPowerLoss cuts the power after every call of Replace, as for an exported file, with every
// loss. The file is the old or the new one, and the new one once Replace has returned.
func TestPowerLoss(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "w.safetensors")
	rec, err := filestest.Record(dir)
	if err != nil {
		t.Fatal(err)
	}
	disk := &files.Disk{Changed: rec.Changed}
	if err := disk.MkdirAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	var returned []int // the length of the recording after each version
	for _, version := range []string{"1", "two", ""} {
		err := disk.Replace(path, func(w io.Writer) error {
			for _, b := range []byte(version) {
				if _, err := w.Write([]byte{b}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		returned = append(returned, rec.Len())
	}
	cuts := 0
	for n := 0; n <= rec.Len(); n++ {
		for loss := range filestest.Losses {
			for seed := range uint64(4) {
				to := filepath.Join(t.TempDir(), "cut")
				if err := rec.Cut(to, n, loss, rand.New(rand.NewPCG(seed, uint64(n)))); err != nil {
					t.Fatal(err)
				}
				cuts++
				b, err := os.ReadFile(filepath.Join(to, "a", "b", "w.safetensors"))
				have := string(b)
				if err != nil {
					have = "none"
				}
				possible := map[string]bool{}
				switch {
				case n < returned[0]:
					possible = map[string]bool{"none": true, "1": true}
				case n < returned[1]:
					possible = map[string]bool{"1": true, "two": true}
				case n < returned[2]:
					possible = map[string]bool{"two": true, "": true}
				default:
					possible[""] = true
				}
				if !possible[have] {
					t.Errorf("cut after %d of %d changes, %v: the file is %q", n, rec.Len(), loss, have)
				}
			}
		}
	}
	t.Logf("%d cuts", cuts)
}

// TestPowerLossIsSeen: the recording sees the loss of changes without an fsync. Each line leaves
// one out.
func TestPowerLossIsSeen(t *testing.T) {
	for _, forgotten := range []string{"nothing", "the file", "the folder"} {
		dir := t.TempDir()
		rec, err := filestest.Record(dir)
		if err != nil {
			t.Fatal(err)
		}
		disk := &files.Disk{Changed: func(c files.Change) {
			info, err := os.Stat(c.Path)
			if c.Op == files.OpSync && (err == nil && info.IsDir() && forgotten == "the folder" || c.Path != dir && forgotten == "the file") {
				return
			}
			rec.Changed(c)
		}}
		if err := disk.Replace(filepath.Join(dir, "f"), func(w io.Writer) error {
			_, err := io.WriteString(w, "content")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		lost := map[filestest.Loss]bool{}
		for loss := range filestest.Losses {
			to := t.TempDir()
			if err := rec.Cut(to, rec.Len(), loss, rand.New(rand.NewPCG(3, 0))); err != nil {
				t.Fatal(err)
			}
			b, _ := os.ReadFile(filepath.Join(to, "f"))
			lost[loss] = string(b) != "content"
		}
		want := map[string][]filestest.Loss{"the file": {filestest.All, filestest.Bytes, filestest.Tails}, "the folder": {filestest.All, filestest.Names}}[forgotten]
		for _, loss := range want {
			if !lost[loss] {
				t.Errorf("without fsync of %s, %v: the file is whole", forgotten, loss)
			}
		}
		for loss, is := range lost {
			if is && forgotten == "nothing" {
				t.Errorf("with every fsync, %v: the file is lost", loss)
			}
		}
	}
}
