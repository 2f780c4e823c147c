package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"shake/internal/engine"
)

// readRecords reads member m, and no byte behind it, from r into images at, at+1, ... of im. It
// returns the SHA-256 of those bytes. A record is one byte for each of c.limits, the last one the
// class, then 3,072 bytes in planes R, G, B. file names r in errors. They are *FormatError, unless
// r itself fails.
func (c *cifar) readRecords(r io.Reader, file string, m member, im *engine.Images, at int) (string, error) {
	sum := sha256.New()
	br := bufio.NewReaderSize(io.TeeReader(r, sum), 1<<16)
	labels := make([]byte, len(c.limits))
	var offset int64
	bad := func(detail string, args ...any) error {
		return &FormatError{Set: c.set, File: file, Offset: offset, Detail: fmt.Sprintf(detail, args...)}
	}
	fill := func(p []byte) error {
		n, err := io.ReadFull(br, p)
		offset += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return bad("the file ends here: want %d bytes (%d images)", c.bytes(m), m.images)
		}
		return err
	}
	for i := at; i < at+m.images; i++ {
		if err := fill(labels); err != nil {
			return "", err
		}
		for k, limit := range c.limits {
			if int(labels[k]) >= limit {
				offset += int64(k - len(labels))
				return "", bad("label of image %d: want 0..%d, have %d", i-at, limit-1, labels[k])
			}
		}
		im.Labels[i] = uint16(labels[len(labels)-1])
		if err := fill(im.Pix[i*pixels : (i+1)*pixels]); err != nil {
			return "", err
		}
	}
	switch _, err := br.ReadByte(); {
	case err == nil:
		return "", bad("want the end of the file after %d images, have more", m.images)
	case !errors.Is(err, io.EOF):
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
