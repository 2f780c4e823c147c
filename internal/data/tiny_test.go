package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"shake/internal/rng"
)

// tiny returns a set of the same form as CIFAR with a few images, and its files. Their checksums
// count as official.
func tiny(like *cifar) (*cifar, map[string][]byte) {
	c := *like
	files := map[string][]byte{}
	shrink := func(ms []member, images int) (out []member) {
		for k, m := range ms {
			b := make([]byte, 0, images*c.record())
			for i := range images {
				for l, limit := range c.limits {
					b = append(b, byte((i+7*k+l)%limit))
				}
				for p := range uint32(pixels) {
					b = append(b, byte(rng.Philox(uint64(len(ms)), [4]uint32{uint32(k), uint32(i), p, 0})[0]))
				}
			}
			files[m.name] = b
			out = append(out, member{m.name, images, hexSum(b)})
		}
		return out
	}
	c.train, c.test = shrink(like.train, 3), shrink(like.test, 2)
	packed := pack(c.entries(files))
	c.archive.size = int64(len(packed))
	c.archive.sha256 = hexSum(packed)
	m := md5.Sum(packed)
	c.archive.md5 = hex.EncodeToString(m[:])
	return &c, files
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// entry is one entry of a test archive.
type entry struct {
	header tar.Header
	body   []byte
}

// entries lists the set's files as the official archive does.
func (c *cifar) entries(files map[string][]byte) (es []entry) {
	es = append(es, entry{tar.Header{Typeflag: tar.TypeDir, Name: c.folder + "/", Mode: 0o755}, nil},
		entry{tar.Header{Name: c.folder + "/readme.html"}, []byte("<html>")})
	for _, m := range c.members() {
		es = append(es, entry{tar.Header{Name: c.folder + "/" + m.name}, files[m.name]})
	}
	return es
}

// pack makes a .tar.gz.
func pack(es []entry) []byte {
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for _, e := range es {
		if e.header.Typeflag == 0 {
			e.header.Typeflag = tar.TypeReg
		}
		e.header.Size = int64(len(e.body))
		if err := tw.WriteHeader(&e.header); err != nil {
			panic(err)
		}
		if _, err := tw.Write(e.body); err != nil {
			panic(err)
		}
	}
	if err := tw.Close(); err != nil {
		panic(err)
	}
	if err := zw.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// unpacked writes files into a new folder.
func unpacked(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		put(t, filepath.Join(dir, name), b)
	}
	return dir
}

func put(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
