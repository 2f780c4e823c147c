package data

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"shake/internal/engine"
	"shake/internal/files"
)

// slack is the number of uncompressed bytes that an archive may hold besides the set's own files:
// headers, texts, padding.
const slack = 16 << 20

// errTooLarge stops the reading of an archive that unpacks to more than the set.
var errTooLarge = errors.New("unpacks to more than the set's files")

// readArchive fills train and test from a .tar.gz and returns the checksum of each member. See
// readTar.
func (c *cifar) readArchive(file string, train, test *engine.Images) (map[string]string, error) {
	f, _, err := files.Open(file)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	return c.readTar(f, file, train, test)
}

// readTar reads a gzipped tar stream called file. Each of the set's files must stand in it once, as
// a regular file of the exact size, at the top or in the official folder. Other entries are
// skipped. Nothing is ever written, so a name in the archive cannot lead anywhere. The stream is
// read to its end, so that gzip's own checksum is verified.
func (c *cifar) readTar(r io.Reader, file string, train, test *engine.Images) (map[string]string, error) {
	packed := &meter{r: r, left: 1 << 62}
	broken := func(err error) error {
		var fe *FormatError
		if errors.As(err, &fe) || packed.err != nil {
			return err
		}
		return &FormatError{Set: c.set, File: file, Offset: packed.n, Detail: "damaged, truncated or not a .tar.gz (found on reading up to here)", Err: err}
	}
	zr, err := gzip.NewReader(bufio.NewReaderSize(packed, 1<<16))
	if err != nil {
		return nil, broken(err)
	}
	plain := &meter{r: zr, left: slack}
	where := map[string]member{}
	to := map[string]slot{}
	for m, s := range c.slots(train, test) {
		where[m.name], to[m.name] = m, s
		plain.left += c.bytes(m)
	}
	sums := map[string]string{}
	var others []string // the first entries that do not belong to the set
	tr := tar.NewReader(plain)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, broken(err)
		}
		name := path.Clean(h.Name)
		m, ours := where[path.Base(name)]
		if dir := path.Dir(name); !ours || dir != "." && dir != c.folder {
			if others = append(others, name[:min(len(name), 200)]); len(others) > maxOthers {
				others = others[:maxOthers]
			}
			continue
		}
		if err := c.checkEntry(h, m, file+": "+name, sums); err != nil {
			return nil, err
		}
		sum, err := c.readRecords(tr, file+": "+name, m, to[m.name].im, to[m.name].at)
		if err != nil {
			return nil, broken(err)
		}
		sums[m.name] = sum
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return nil, broken(err)
	}
	for m := range c.slots(train, test) {
		if _, ok := sums[m.name]; !ok {
			return nil, &FormatError{Set: c.set, File: file, Offset: packed.n, Detail: "the archive ends without " + path.Join(c.folder, m.name) + c.holds(others)}
		}
	}
	return sums, nil
}

// maxOthers is the number of foreign entries whose names are kept, to tell the kind of an archive.
const maxOthers = 16

// holds names the content of an archive that is not the set: its kind, or its first names.
func (c *cifar) holds(names []string) string {
	var bases, quoted []string
	for _, n := range names {
		bases = append(bases, path.Base(n))
		for part := range strings.SplitSeq(n, "/") {
			if what := c.recognize(part); what != "" {
				return "; it is " + what
			}
		}
		if len(quoted) < 3 {
			quoted = append(quoted, strconv.QuoteToASCII(n[:min(len(n), 60)]))
		}
	}
	switch what := c.recognizeAll(bases); {
	case what != "":
		return "; it holds " + what
	case len(quoted) == 0:
		return "; it holds nothing"
	}
	return "; it holds " + strings.Join(quoted, ", ") + " and so on"
}

// checkEntry refuses an entry that has a member's name but another type or size.
func (c *cifar) checkEntry(h *tar.Header, m member, file string, sums map[string]string) error {
	detail := ""
	switch _, again := sums[m.name]; {
	case h.Typeflag != tar.TypeReg:
		detail = fmt.Sprintf("want a regular file, have tar type %q", h.Typeflag)
	case h.Size != c.bytes(m):
		detail = fmt.Sprintf("want %d bytes (%d images), have %d", c.bytes(m), m.images, h.Size)
	case again:
		detail = "the archive holds this file twice"
	default:
		return nil
	}
	return &FormatError{Set: c.set, File: file, Offset: min(h.Size, c.bytes(m)), Detail: detail}
}

// meter counts the bytes that are read through it and keeps the first error of its source other
// than io.EOF. It fails with errTooLarge when more than left bytes are asked for.
type meter struct {
	r    io.Reader
	n    int64
	left int64
	err  error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLarge
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.n += int64(n)
	m.left -= int64(n)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}
