package data

import (
	"fmt"
	"os"
	"path/filepath"

	"shake/internal/engine"
	"shake/internal/files"
)

// Provenance is the origin of a set, for the record of a run.
type Provenance struct {
	Set      string    `json:"set"`
	Source   string    `json:"source"`   // the folder or archive; "built in"
	Official bool      `json:"official"` // every file has the SHA-256 of the authors' file
	Note     string    `json:"note"`     // the same in words
	Files    []FileSum `json:"files,omitempty"`
}

// FileSum is the checksum of one file, or member of an archive, as read.
type FileSum struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Open reads "cifar10" or "cifar100" in the official binary format.
//
// path is the official archive, a folder with the set's .bin files, or a folder that holds either
// the archive or its unpacked folder (cifar-10-batches-bin, cifar-100-binary). If path is empty,
// $SHAKE_DATA, ./data and the folder that Fetch writes to are tried in this order. An archive is
// read as a stream: nothing is written.
//
// The number of files, their sizes and their labels must be right. Otherwise the error is a
// *FormatError with file and offset, or a *NotFoundError with every place that was tried. Files of
// the right form whose content is not official are accepted and noted in the Provenance.
func Open(set, path string) (train, test *engine.Images, prov Provenance, err error) {
	c, err := known(set)
	if err != nil {
		return nil, nil, Provenance{}, err
	}
	return c.open(path)
}

// Folder is the folder that Fetch writes to and Open looks into: shake/data in the user's cache
// folder.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("data: no cache folder: %w; name a folder with SHAKE_DATA or on the command line", err)
	}
	return filepath.Join(cache, "shake", "data"), nil
}

func (c *cifar) open(path string) (train, test *engine.Images, prov Provenance, err error) {
	places := roots()
	if path != "" {
		places = []place{{path, "--data"}}
	}
	source, isArchive, err := c.find(places)
	if err != nil {
		return nil, nil, Provenance{}, err
	}
	train, test = c.blank()
	var sums map[string]string
	if isArchive {
		sums, err = c.readArchive(source, train, test)
	} else {
		sums, err = c.readFolder(source, train, test)
	}
	if err != nil {
		return nil, nil, Provenance{}, err
	}
	return train, test, c.provenance(source, sums), nil
}

// readFolder fills train and test from a folder and returns the checksum of each file.
func (c *cifar) readFolder(dir string, train, test *engine.Images) (map[string]string, error) {
	sums := map[string]string{}
	for m, slot := range c.slots(train, test) {
		sum, err := c.readFile(filepath.Join(dir, m.name), m, slot)
		if err != nil {
			return nil, err
		}
		sums[m.name] = sum
	}
	return sums, nil
}

func (c *cifar) readFile(file string, m member, s slot) (string, error) {
	f, size, err := files.Open(file)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	if want := c.bytes(m); size != want {
		return "", &FormatError{Set: c.set, File: file, Offset: min(want, size),
			Detail: fmt.Sprintf("want %d bytes (%d images), have %d", want, m.images, size)}
	}
	sum, err := c.readRecords(f, file, m, s.im, s.at)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	return sum, nil
}

// slot is the place of a member's images.
type slot struct {
	im *engine.Images
	at int
}

// slots pairs the members of the set, in order, with the places of their images.
func (c *cifar) slots(train, test *engine.Images) func(yield func(member, slot) bool) {
	return func(yield func(member, slot) bool) {
		at := 0
		for _, m := range c.train {
			if !yield(m, slot{train, at}) {
				return
			}
			at += m.images
		}
		at = 0
		for _, m := range c.test {
			if !yield(m, slot{test, at}) {
				return
			}
			at += m.images
		}
	}
}

// provenance compares the checksums with the official ones.
func (c *cifar) provenance(source string, sums map[string]string) Provenance {
	p := Provenance{Set: c.set, Source: source, Official: true, Note: "the official files"}
	var other []string
	for _, m := range c.members() {
		p.Files = append(p.Files, FileSum{m.name, sums[m.name]})
		if sums[m.name] != m.sha256 {
			other = append(other, m.name)
		}
	}
	if len(other) > 0 {
		p.Official = false
		p.Note = fmt.Sprintf("not the official files: %d of %d differ", len(other), len(p.Files))
	}
	return p
}
