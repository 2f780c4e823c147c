package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"shake/internal/engine"
	"shake/internal/files"
)

// A cache file is a decoded folder of images: this line, the pixels and the labels (16 bits, little
// endian) of the training images, those of the test images, and the SHA-256 of all of it.
const cacheMagic = "shake images 1\n"

// cacheFile is where the decoded images of a listing are kept: its name is the SHA-256 of every
// path, size and time of change, and of the options. "" if there is no folder for it.
func (l *listing) cacheFile(o OwnOptions) string {
	folder, err := Folder()
	if err != nil {
		return ""
	}
	root, err := filepath.Abs(l.root)
	if err != nil {
		root = l.root
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s%q %d %d\n", cacheMagic, root, o.Size, o.Channels)
	for _, part := range [][]picture{l.train, l.test} {
		for _, p := range part {
			fmt.Fprintf(h, "%q %d %d %d\n", p.rel, p.label, p.size, p.time)
		}
		fmt.Fprintln(h)
	}
	return filepath.Join(folder, "images", hex.EncodeToString(h.Sum(nil))[:32]+".cache")
}

// writeCache keeps images for the next run.
func writeCache(file string, train, test *engine.Images) error {
	if file == "" {
		return fmt.Errorf("no cache folder")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return files.Write(file, func(w io.Writer) error {
		h := sha256.New()
		both := io.MultiWriter(w, h)
		if _, err := io.WriteString(both, cacheMagic); err != nil {
			return err
		}
		for _, im := range []*engine.Images{train, test} {
			if im == nil {
				continue
			}
			if _, err := both.Write(im.Pix); err != nil {
				return err
			}
			if err := binary.Write(both, binary.LittleEndian, im.Labels); err != nil {
				return err
			}
		}
		_, err := w.Write(h.Sum(nil))
		return err
	})
}

// readCache reads the images of a listing from its cache file; nil if the file is not there, not of
// this size, or damaged.
func readCache(file string, l *listing, o OwnOptions) (train, test *engine.Images) {
	image := o.Channels * o.Size * o.Size
	want := int64(len(cacheMagic)+sha256.Size) + int64(len(l.train)+len(l.test))*int64(image+2)
	b, err := files.Read(file, want)
	if err != nil || int64(len(b)) != want || !bytes.HasPrefix(b, []byte(cacheMagic)) {
		return nil, nil
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, nil
	}
	body = body[len(cacheMagic):]
	take := func(n int) *engine.Images {
		im := &engine.Images{N: n, C: o.Channels, H: o.Size, W: o.Size, Classes: len(l.names), Pix: body[: n*image : n*image], Labels: make([]uint16, n)}
		for i := range n {
			im.Labels[i] = binary.LittleEndian.Uint16(body[n*image+2*i:])
		}
		body = body[n*(image+2):]
		return im
	}
	train = take(len(l.train))
	if len(l.test) > 0 {
		test = take(len(l.test))
	}
	return train, test
}
