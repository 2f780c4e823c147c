package data

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzRecords feeds the record parser. It accepts exactly the files of the right size and labels,
// and its error gives the place of the first fault.
func FuzzRecords(f *testing.F) {
	c, files := tiny(cifar100)
	m := c.test[0]
	good := files[m.name]
	f.Add(good)
	f.Add([]byte{})
	f.Add(good[:c.record()+1])
	f.Add(append(bytes.Clone(good), 7))
	bad := bytes.Clone(good)
	bad[c.record()] = 20
	f.Add(bad)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, im := c.blank()
		sum, err := c.readRecords(bytes.NewReader(b), "x", m, im, 0)
		ok := int64(len(b)) == c.bytes(m)
		for i := 0; i < len(b) && ok; i += c.record() {
			ok = b[i] < 20 && b[i+1] < 100
		}
		if ok != (err == nil) || ok && sum != hexSum(b) {
			t.Fatalf("%d bytes, valid %v: %v", len(b), ok, err)
		}
		var fe *FormatError
		if err != nil && (!errors.As(err, &fe) || fe.Offset < 0 || fe.Offset > int64(len(b))) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
	})
}

// FuzzTar feeds the archive reader. Every input ends with images or a FormatError.
func FuzzTar(f *testing.F) {
	c, files := tiny(cifar100)
	good := pack(c.entries(files))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	f.Add([]byte("<html>"))
	f.Add(pack(c.entries(files)[:1]))
	f.Add(pack(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		train, test := c.blank()
		sums, err := c.readTar(bytes.NewReader(b), "x", train, test)
		if (err == nil) != (len(sums) == 2) {
			t.Fatalf("%d files: %v", len(sums), err)
		}
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}

// FuzzTarText feeds the reader with tar streams that are zipped afterwards, so that they pass
// gzip's checksum.
func FuzzTarText(f *testing.F) {
	c, files := tiny(cifar100)
	f.Add(plainTar(f, c.entries(files)))
	f.Add(plainTar(f, c.entries(files)[2:]))
	f.Add(plainTar(f, nil))
	f.Add(plainTar(f, []entry{{tar.Header{Name: "long/" + strings.Repeat("name", 60), Typeflag: tar.TypeReg}, []byte("x")}, {tar.Header{Name: "test.bin", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		train, test := c.blank()
		_, err := c.readTar(bytes.NewReader(zipped(b)), "x", train, test)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}
