package train

import (
	"io"
	"os"

	"shake/internal/files"
)

// journal is a file that only grows while a run goes on and that a resume cuts back to the length its checkpoint recorded.
type journal struct {
	file *files.File
	size int64
}

// openJournal opens or makes path and cuts it to size. If the file is shorter than that it is left as it is, and short is true.
func openJournal(s store, path string, size int64) (j *journal, short bool, err error) {
	f, err := s.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, false, writing(path, err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > size {
		if err = f.Truncate(size); err == nil {
			end, err = f.Seek(size, io.SeekStart)
		}
	}
	if err != nil {
		f.Close()
		return nil, false, writing(path, err)
	}
	return &journal{file: f, size: end}, end < size, nil
}

// append writes b in one call, so that a reader or a kill sees at most its last line cut.
func (j *journal) append(b []byte) error {
	n, err := j.file.Write(b)
	j.size += int64(n)
	if err != nil {
		return writing(j.file.Name(), err)
	}
	return nil
}

// sync makes what was appended durable.
func (j *journal) sync() error {
	if err := j.file.Sync(); err != nil {
		return writing(j.file.Name(), err)
	}
	return nil
}

func (j *journal) Close() error { return j.file.Close() }
