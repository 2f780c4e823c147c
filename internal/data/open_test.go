package data

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/engine"
)

// wantImages fails unless im is the members' content in order.
func wantImages(t *testing.T, c *cifar, ms []member, files map[string][]byte, im *engine.Images) {
	t.Helper()
	var pix []byte
	var labels []uint16
	for _, m := range ms {
		for b := files[m.name]; len(b) > 0; b = b[c.record():] {
			labels = append(labels, uint16(b[len(c.limits)-1]))
			pix = append(pix, b[len(c.limits):c.record()]...)
		}
	}
	if im.N != len(labels) || im.C != 3 || im.H != 32 || im.W != 32 || im.Classes != len(c.classes) {
		t.Fatalf("have N, C, H, W, Classes = %d, %d, %d, %d, %d", im.N, im.C, im.H, im.W, im.Classes)
	}
	for i := range labels {
		if im.Labels[i] != labels[i] {
			t.Fatalf("label of image %d: want %d, have %d", i, labels[i], im.Labels[i])
		}
	}
	if !bytes.Equal(im.Pix, pix) {
		t.Fatal("the pixels differ")
	}
}

func TestOpenFindsEveryLayout(t *testing.T) {
	for _, like := range []*cifar{cifar10, cifar100} {
		c, files := tiny(like)
		flat := unpacked(t, files)
		nested, packed := t.TempDir(), t.TempDir()
		for name, b := range files {
			put(t, filepath.Join(nested, c.folder, name), b)
		}
		file := filepath.Join(packed, c.archive.name)
		put(t, file, pack(c.entries(files)))
		renamed := filepath.Join(t.TempDir(), "images.tgz")
		put(t, renamed, pack(c.entries(files)[2:]))
		for _, test := range []struct{ name, path, source string }{
			{"flat folder", flat, flat},
			{"folder above", nested, filepath.Join(nested, c.folder)},
			{"archive in folder", packed, file},
			{"archive", file, file},
			{"archive of another name", renamed, renamed},
		} {
			t.Run(c.set+"/"+test.name, func(t *testing.T) {
				train, tst, prov, err := c.open(test.path)
				if err != nil {
					t.Fatal(err)
				}
				wantImages(t, c, c.train, files, train)
				wantImages(t, c, c.test, files, tst)
				if prov.Source != test.source || prov.Set != c.set || !prov.Official || len(prov.Files) != len(files) {
					t.Errorf("provenance %+v", prov)
				}
			})
		}
	}
}

func TestOpenTriesPlacesInOrder(t *testing.T) {
	c, files := tiny(cifar10)
	cache, work, env := t.TempDir(), t.TempDir(), t.TempDir()
	t.Chdir(work)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	t.Setenv("LocalAppData", cache)
	t.Setenv("SHAKE_DATA", env)
	user, err := Folder()
	if err != nil {
		t.Fatal(err)
	}

	_, _, _, err = c.open("")
	var missing *NotFoundError
	if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("want a NotFoundError, have %v", err)
	}
	for _, want := range []string{env, filepath.Join(env, c.folder), "data: no such folder", user, "data_batch_1.bin", "shake data fetch cifar10"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s:\n%v", want, err)
		}
	}
	// From the last place to the first, each new one wins.
	for _, root := range []string{user, "data", env} {
		file := filepath.Join(root, c.archive.name)
		put(t, file, pack(c.entries(files)))
		if _, _, prov, err := c.open(""); err != nil || prov.Source != file {
			t.Errorf("want %s, have %s, %v", file, prov.Source, err)
		}
	}
	if _, _, _, err := c.open(filepath.Join(work, "nowhere")); !errors.As(err, &missing) || len(missing.Looked) != 1 {
		t.Errorf("a path that does not exist must not fall back: %v", err)
	}
}

func TestOpenRefusesBadFolders(t *testing.T) {
	const rec = 1 + pixels
	for _, test := range []struct {
		name   string
		spoil  func(files map[string][]byte)
		file   string
		offset int64
		detail string
	}{
		{"truncated", func(f map[string][]byte) { f["data_batch_2.bin"] = f["data_batch_2.bin"][:rec+5] }, "data_batch_2.bin", rec + 5, "want 9219 bytes (3 images), have 3078"},
		{"empty", func(f map[string][]byte) { f["test_batch.bin"] = nil }, "test_batch.bin", 0, "have 0"},
		{"too long", func(f map[string][]byte) { f["test_batch.bin"] = append(f["test_batch.bin"], 0) }, "test_batch.bin", 2 * rec, "have 6147"},
		{"label out of range", func(f map[string][]byte) { f["data_batch_5.bin"][2*rec] = 10 }, "data_batch_5.bin", 2 * rec, "label of image 2: want 0..9, have 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, files := tiny(cifar10)
			test.spoil(files)
			dir := unpacked(t, files)
			train, _, _, err := c.open(dir)
			var fe *FormatError
			if !errors.As(err, &fe) || !errors.Is(err, ErrFormat) || train != nil {
				t.Fatalf("want a FormatError, have %v", err)
			}
			if fe.File != filepath.Join(dir, test.file) || fe.Offset != test.offset || !strings.Contains(fe.Detail, test.detail) {
				t.Errorf("have %s: offset %d: %s", fe.File, fe.Offset, fe.Detail)
			}
			if !strings.Contains(err.Error(), "shake data fetch cifar10") {
				t.Errorf("no remedy in %q", err)
			}
		})
	}
}

func TestOpenChecksBothLabelsOfCIFAR100(t *testing.T) {
	for at, limit := range []byte{20, 100} {
		c, files := tiny(cifar100)
		files["train.bin"][c.record()+at] = limit
		_, _, _, err := c.open(unpacked(t, files))
		var fe *FormatError
		if !errors.As(err, &fe) || fe.Offset != int64(c.record()+at) {
			t.Errorf("label byte %d: %v", at, err)
		}
	}
}

func TestOpenNamesMissingFiles(t *testing.T) {
	c, files := tiny(cifar10)
	delete(files, "data_batch_4.bin")
	_, _, _, err := c.open(unpacked(t, files))
	var nf *NotFoundError
	if !errors.As(err, &nf) || len(nf.Missing) != 1 || !strings.HasSuffix(nf.Missing[0], "data_batch_4.bin") {
		t.Errorf("have %v", err)
	}
}

func TestOpenNotesForeignContent(t *testing.T) {
	c, files := tiny(cifar10)
	files["data_batch_3.bin"][100] ^= 1
	_, _, prov, err := c.open(unpacked(t, files))
	if err != nil || prov.Official || !strings.Contains(prov.Note, "not the official files: 1 of 6 differ") {
		t.Errorf("have %+v, %v", prov, err)
	}
}

func TestOpenRefusesUnknownSets(t *testing.T) {
	for _, set := range []string{"", "synthetic", "mnist"} {
		var se *SetError
		if _, _, _, err := Open(set, ""); !errors.As(err, &se) {
			t.Errorf("%q: %v", set, err)
		}
	}
}

func TestOpenUnreadableFile(t *testing.T) {
	c, files := tiny(cifar10)
	delete(files, "test_batch.bin")
	dir := unpacked(t, files)
	if err := os.Mkdir(filepath.Join(dir, "test_batch.bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.open(dir); err == nil || !strings.Contains(err.Error(), "test_batch.bin") {
		t.Errorf("a folder in place of a file: %v", err)
	}
}

func TestOfficialSizes(t *testing.T) {
	for c, records := range map[*cifar]int{cifar10: 3073, cifar100: 3074} {
		train, tst := c.blank()
		if train.N != 50000 || tst.N != 10000 || c.record() != records || len(c.classes) != c.limits[len(c.limits)-1] {
			t.Errorf("%s: %d + %d images of %d bytes, %d classes", c.set, train.N, tst.N, c.record(), len(c.classes))
		}
	}
}
