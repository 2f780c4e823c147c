package gpustat

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"shake/internal/files"
)

// Journal is a gpu.jsonl: one event a line, in the order of time, over all processes of a run.
type Journal struct{ file *os.File }

// OpenJournal opens or makes a journal and passes every event in it to replay. New events go behind
// the last line. A last line that a kill cut short is passed over.
func OpenJournal(path string, replay func(Event)) (*Journal, error) {
	if err := ReadJournal(path, replay); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	j := &Journal{f}
	if err := j.endLine(); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// endLine ends a last line that was cut short.
func (j *Journal) endLine() error {
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	var last [1]byte
	if _, err := j.file.ReadAt(last[:], size-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = j.file.Write([]byte{'\n'})
	return err
}

// Add writes an event as one line, in one call.
func (j *Journal) Add(e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(b, '\n'))
	return err
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// maxLine is more bytes than any event has, with every process of a card.
const maxLine = 1 << 20

// ReadJournal passes every event of a journal to hear. A file that does not exist has none. Lines
// that are not events, or are too long, are passed over.
func ReadJournal(path string, hear func(Event)) error {
	f, _, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLine)
	for long := false; ; {
		line, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = true
			continue
		}
		if err == nil && !long {
			if e := decode(line); e != nil {
				hear(e)
			}
		}
		long = false
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
}

// decode reads one line; nil if it is not an event.
func decode(line []byte) Event {
	var kind struct{ Event string }
	if json.Unmarshal(line, &kind) != nil {
		return nil
	}
	switch kind.Event {
	case "sample":
		return as(line, blank()) // one of an earlier version lacks some figures
	case "gap":
		return as(line, Gap{})
	case "lost":
		return as(line, Lost{})
	case "card":
		return as(line, Introduction{})
	}
	return nil
}

// as reads a line over v.
func as[T any](line []byte, v T) Event {
	if json.Unmarshal(line, &v) != nil {
		return nil
	}
	return v
}
