package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestArchiveRefusesBadContent(t *testing.T) {
	c, files := tiny(cifar10)
	good := func() []entry { return c.entries(files) }
	change := func(name string, f func(e *entry)) []entry {
		es := good()
		for i := range es {
			if strings.HasSuffix(es[i].header.Name, name) {
				es[i].body = bytes.Clone(es[i].body)
				f(&es[i])
			}
		}
		return es
	}
	member := "x.tar.gz: " + c.folder + "/data_batch_1.bin"
	for _, test := range []struct {
		name string
		es   []entry
		file string
		want string
	}{
		{"short member", change("data_batch_1.bin", func(e *entry) { e.body = e.body[:3073] }), member, "want 9219 bytes (3 images), have 3073"},
		{"long member", change("data_batch_1.bin", func(e *entry) { e.body = append(e.body, 1) }), member, "have 9220"},
		{"bad label", change("data_batch_1.bin", func(e *entry) { e.body[3073] = 99 }), member, "label of image 1: want 0..9, have 99"},
		{"twice", append(good(), good()[2]), member, "twice"},
		{"link", change("data_batch_1.bin", func(e *entry) {
			e.body, e.header.Typeflag, e.header.Linkname = nil, tar.TypeSymlink, "/etc/passwd"
		}), member, "regular file"},
		{"member missing", good()[:7], "x.tar.gz", "ends without cifar-10-batches-bin/test_batch.bin"},
		{"in a foreign folder", change("data_batch_1.bin", func(e *entry) { e.header.Name = "other/data_batch_1.bin" }), "x.tar.gz", "ends without"},
		{"escaping", change("data_batch_1.bin", func(e *entry) { e.header.Name = "../data_batch_1.bin" }), "x.tar.gz", "ends without"},
		{"from the root", change("data_batch_1.bin", func(e *entry) { e.header.Name = "/" + c.folder + "/data_batch_1.bin" }), "x.tar.gz", "ends without"},
		{"device", change("data_batch_1.bin", func(e *entry) { e.body, e.header.Typeflag = nil, tar.TypeChar }), member, "regular file"},
		{"pipe", change("data_batch_1.bin", func(e *entry) { e.body, e.header.Typeflag = nil, tar.TypeFifo }), member, "regular file"},
		{"hard link", change("data_batch_1.bin", func(e *entry) {
			e.body, e.header.Typeflag, e.header.Linkname = nil, tar.TypeLink, "/etc/passwd"
		}), member, "regular file"},
		{"the other set", []entry{{tar.Header{Name: "cifar-100-binary/train.bin"}, []byte{1}}}, "x.tar.gz", "ends without"},
		{"bomb", append(good(), entry{tar.Header{Name: "zeros"}, make([]byte, slack+1<<20)}), "x.tar.gz", errTooLarge.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			train, tst := c.blank()
			_, err := c.readTar(bytes.NewReader(pack(test.es)), "x.tar.gz", train, tst)
			var fe *FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("want a FormatError, have %v", err)
			}
			if fe.File != test.file || !strings.Contains(fe.Error(), test.want) {
				t.Errorf("have %v", fe)
			}
		})
	}
}

// TestArchiveSeesEveryDamage cuts the archive everywhere and flips a bit everywhere. Every damage
// must be seen, except in bytes of the gzip header that carry no content.
func TestArchiveSeesEveryDamage(t *testing.T) {
	c, files := tiny(cifar100)
	packed := pack(c.entries(files))
	read := func(b []byte) error {
		train, tst := c.blank()
		_, err := c.readTar(bytes.NewReader(b), "x.tar.gz", train, tst)
		return err
	}
	if err := read(packed); err != nil {
		t.Fatal(err)
	}
	step := max(1, len(packed)/120)
	for n := 0; n < len(packed); n += step {
		if err := read(packed[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(packed), err)
		}
		if bad := bytes.Clone(packed); n >= 10 {
			bad[n] ^= 4
			if err := read(bad); !errors.Is(err, ErrFormat) {
				t.Fatalf("bit flipped in byte %d of %d: %v", n, len(packed), err)
			}
		}
	}
	if err := read(packed[:len(packed)-1]); !errors.Is(err, ErrFormat) {
		t.Errorf("last byte cut: %v", err)
	}
}

func TestArchiveForeignFiles(t *testing.T) {
	c, _ := tiny(cifar10)
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	zw.Write(bytes.Repeat([]byte("text "), 1000))
	zw.Close()
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("<!DOCTYPE html>"), "gzip of text": zipped.Bytes()} {
		file := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, _, err := c.open(file)
		var fe *FormatError
		if !errors.As(err, &fe) || fe.File != file {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestArchiveReadErrors keeps a failing disk apart from a damaged file.
func TestArchiveReadErrors(t *testing.T) {
	c, files := tiny(cifar10)
	packed := pack(c.entries(files))
	broken := errors.New("input/output error")
	for _, n := range []int64{0, 5, 2000} {
		r := bytes.NewReader(packed[:min(n, int64(len(packed)))])
		train, tst := c.blank()
		_, err := c.readTar(&failing{r, broken}, "x.tar.gz", train, tst)
		if !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	train, tst := c.blank()
	if _, err := c.readTar(iotest.OneByteReader(bytes.NewReader(packed)), "x.tar.gz", train, tst); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
}

// failing is a reader that ends in an error instead of io.EOF.
type failing struct {
	r   *bytes.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

// TestArchiveEndlessMembers: the reader gives up an archive that never ends, of entries without
// content or of empty gzip members, soon after the set's number of bytes.
func TestArchiveEndlessMembers(t *testing.T) {
	c, _ := tiny(cifar10)
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		zw, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		tw := tar.NewWriter(zw)
		for i := 0; ; i++ {
			if tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/%s", i, strings.Repeat("long", 500)), Typeflag: tar.TypeReg}) != nil {
				return
			}
		}
	}()
	train, tst := c.blank()
	if _, err := c.readTar(r, "x.tar.gz", train, tst); !errors.Is(err, errTooLarge) {
		t.Errorf("have %v", err)
	}
}
