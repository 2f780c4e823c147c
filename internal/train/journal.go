package train

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"shake/internal/files"
	"shake/internal/report"
)

// journal is a file that only grows during a run. A resume cuts it back to the length that its
// checkpoint recorded.
type journal struct {
	file   *files.File
	size   int64
	sum    hash.Hash // of the whole content
	notice string    // damage of the content when it was opened; "" if none
}

// entries is a way to divide a journal: into lines, or into records.
type entries interface {
	// next reads an entry and returns its bytes. io.EOF is the end behind a whole entry; any other
	// error is an incomplete entry.
	next(r *bufio.Reader) ([]byte, error)
	// blank overwrites a whole entry that cannot be read with one of the same length that readers
	// pass over, and tells whether it did.
	blank(b []byte) bool
}

// openJournal opens or makes path and cuts it to size, or to its last whole entry if that is
// earlier. notice describes a missing or damaged part of the file.
func openJournal(s store, path string, size int64, by entries) (*journal, error) {
	f, err := s.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, writing(path, err)
	}
	j := &journal{file: f, sum: sha256.New()}
	if err := j.open(size, by); err != nil {
		f.Close()
		return nil, writing(path, err)
	}
	return j, nil
}

func (j *journal) open(size int64, by entries) error {
	end, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(j.file, size))
	type entry struct {
		at int64
		b  []byte
	}
	var blanked []entry
	for err == nil {
		var b []byte
		if b, err = by.next(r); err == nil {
			if by.blank(b) {
				blanked = append(blanked, entry{j.size, b})
			}
			j.sum.Write(b)
			j.size += int64(len(b))
		}
	}
	name := filepath.Base(j.file.Name())
	switch {
	case files.Failed(err):
		return err
	case end < size:
		j.notice = fmt.Sprintf("%s has %d bytes, the checkpoint knows of %d: what is missing cannot be had again", name, end, size)
	case j.size < size:
		j.notice = fmt.Sprintf("%s is damaged at offset %d: it is cut there, what followed up to the checkpoint cannot be had again", name, j.size)
	case blanked != nil:
		j.notice = fmt.Sprintf("%s is damaged at offset %d: %s blanked, what they said cannot be had again", name, blanked[0].at, report.Plural(len(blanked), "line"))
	}
	for _, e := range blanked {
		if _, err := j.file.Seek(e.at, io.SeekStart); err != nil {
			return err
		}
		if _, err := j.file.Write(e.b); err != nil {
			return err
		}
	}
	if end > j.size {
		if err := j.file.Truncate(j.size); err != nil {
			return err
		}
	}
	_, err = j.file.Seek(j.size, io.SeekStart)
	return err
}

// digest is the SHA-256 of the file's content, in hexadecimal digits.
func (j *journal) digest() string { return hex.EncodeToString(j.sum.Sum(nil)) }

// append writes b in one call, so that a reader or a kill sees at most a cut last line.
func (j *journal) append(b []byte) error {
	n, err := j.file.Write(b)
	j.sum.Write(b[:n])
	j.size += int64(n)
	if err != nil {
		return writing(j.file.Name(), err)
	}
	return nil
}

// sync makes the appended entries durable.
func (j *journal) sync() error {
	if err := j.file.Sync(); err != nil {
		return writing(j.file.Name(), err)
	}
	return nil
}

func (j *journal) Close() error { return j.file.Close() }

// lines divides a journal at line ends.
type lines struct{}

func (*lines) next(r *bufio.Reader) ([]byte, error) {
	b, err := r.ReadBytes('\n')
	if err == io.EOF && len(b) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// blank fills an unreadable line with blanks up to its end.
func (*lines) blank(b []byte) bool {
	line := b[:len(b)-1]
	if _, _, err := parseLine[EpochRecord](line, "epoch"); err == nil {
		return false
	}
	for i := range line {
		line[i] = ' '
	}
	return true
}

// records divides a TensorBoard file into TFRecords (see record). A record with a wrong checksum is
// incomplete: TensorBoard reads no record behind it.
type records struct{}

func (*records) next(r *bufio.Reader) ([]byte, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n, ok := recordLength(head)
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	b := append(head, make([]byte, n+4)...)
	if _, err := io.ReadFull(r, b[12:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if !recordSound(b) {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// blank leaves every record as it is: one that cannot be read is no whole entry.
func (*records) blank([]byte) bool { return false }
