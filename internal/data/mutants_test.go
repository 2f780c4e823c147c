package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"shake/internal/files/filestest"
)

// told reports whether an error has its place.
func told(err error) bool {
	var f *FormatError
	return errors.As(err, &f) && (f.File == "x" || strings.HasPrefix(f.File, "x: ")) && f.Offset >= 0
}

func TestMutants(t *testing.T) {
	for _, like := range []*cifar{cifar10, cifar100} {
		c, files := tiny(like)
		m := c.test[0]
		// A reader of an archive has buffers for gzip and for text of about 0.3 MiB.
		const buffers = 2 << 20
		t.Run(c.set+" records", func(t *testing.T) {
			filestest.Mutants(t, [][]byte{files[m.name], files[m.name][:c.record()], {}}, buffers, func(b []byte) error {
				_, im := c.blank()
				_, err := c.readRecords(bytes.NewReader(b), "x", m, im, 0)
				return err
			}, told)
		})
		read := func(b []byte) error {
			train, test := c.blank()
			_, err := c.readTar(bytes.NewReader(b), "x", train, test)
			return err
		}
		t.Run(c.set+" archive", func(t *testing.T) {
			filestest.Mutants(t, [][]byte{pack(c.entries(files)), pack(nil)}, buffers, read, told)
		})
		// Here the mutants are inside of gzip, whose checksum few mutants of the packed bytes pass.
		t.Run(c.set+" tar", func(t *testing.T) {
			filestest.Mutants(t, [][]byte{plainTar(t, c.entries(files)), plainTar(t, nil)}, buffers+1<<20, func(b []byte) error { return read(zipped(b)) }, told)
		})
	}
}

func plainTar(t testing.TB, es []entry) []byte {
	r, err := gzip.NewReader(bytes.NewReader(pack(es)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.NoCompression)
	w.Write(b)
	w.Close()
	return out.Bytes()
}
