package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"shake/internal/files"
)

// origin is the source of a partial file. It is kept beside the file.
type origin struct {
	URL       string `json:"url"`
	Validator string `json:"validator"` // strong ETag, else Last-Modified, else "" (RFC 9110, 13.1.5)
}

func originFile(partial string) string { return partial + ".json" }

// readOrigin returns the zero origin if the file's origin is not known.
func readOrigin(partial string) (o origin) {
	b, err := files.Read(originFile(partial), 1<<16)
	if err != nil || json.Unmarshal(b, &o) != nil {
		return origin{}
	}
	return o
}

func writeOrigin(partial string, o origin) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return files.ReplaceBytes(originFile(partial), b)
}

// validator returns the value for If-Range after a response.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// partialSize is the size of the partial file, 0 if there is none. A partial file is always
// regular: anything else under its name, such as a link, is an error.
func partialSize(file string) (int64, error) {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("data: %w", err)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("data: %s is not a regular file: remove it, or choose another folder with --dir", file)
	}
	return info.Size(), nil
}
