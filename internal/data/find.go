package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"shake/internal/files"
)

// place is a path where a set may be.
type place struct {
	path string
	// from names the setting that gave the path, such as "SHAKE_DATA". "" is a default place, which
	// need not exist.
	from string
}

// roots are the places that Open tries without a path.
func roots() []place {
	var ps []place
	if env := os.Getenv("SHAKE_DATA"); env != "" {
		ps = append(ps, place{env, "SHAKE_DATA"})
	}
	ps = append(ps, place{path: "data"})
	if dir, err := Folder(); err == nil {
		ps = append(ps, place{path: dir})
	}
	return ps
}

// find returns the first folder with all of the set's files, or archive of the set, in or at the
// places. A place with a name in from must exist, and every place that exists must be readable: an
// unreadable folder is not taken for empty.
func (c *cifar) find(places []place) (source string, isArchive bool, err error) {
	failure := &NotFoundError{Set: c.set}
	for _, p := range places {
		info, err := os.Stat(p.path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && p.from != "":
			failure.Looked = append(failure.Looked, fmt.Sprintf("%s (%s): no such file or folder", p.path, p.from))
			failure.Found = append(failure.Found, c.near(p.path)...)
			return "", false, failure
		case errors.Is(err, fs.ErrNotExist):
			failure.Looked = append(failure.Looked, p.path+": no such folder")
			continue
		case err != nil:
			return "", false, lookError(p, err)
		case info.Mode().IsRegular() && p.from != "":
			return p.path, true, nil
		case info.Mode().IsRegular(): // a file that happens to be called data
			failure.Looked = append(failure.Looked, p.path+": a file, want a folder")
			continue
		case !info.IsDir():
			return "", false, fmt.Errorf("data: %w", files.Regular(p.path, info))
		}
		source, isArchive, err := c.within(p.path, failure)
		if err != nil {
			return "", false, lookError(p, err)
		}
		if source != "" {
			return source, isArchive, nil
		}
		failure.Found = append(failure.Found, c.foreign(p.path)...)
	}
	return "", false, failure
}

// within looks into a folder. An empty source means that the set is not there.
func (c *cifar) within(folder string, failure *NotFoundError) (source string, isArchive bool, err error) {
	for _, dir := range []string{folder, filepath.Join(folder, c.folder)} {
		missing, err := c.missing(dir)
		if err != nil {
			return "", false, err
		}
		if len(missing) == 0 {
			return dir, false, nil
		}
		if len(missing) < len(c.members()) && failure.Missing == nil {
			failure.Missing = missing
		}
		failure.Looked = append(failure.Looked, filepath.Join(dir, c.glob()))
	}
	file := filepath.Join(folder, c.archive.name)
	_, err = os.Stat(file)
	if err == nil {
		return file, true, nil
	}
	failure.Looked = append(failure.Looked, file)
	return "", false, unlessAbsent(err)
}

// missing lists the files of the set that a folder lacks.
func (c *cifar) missing(dir string) (missing []string, err error) {
	for _, m := range c.members() {
		file := filepath.Join(dir, m.name)
		if _, err := os.Stat(file); err != nil {
			if unlessAbsent(err) != nil {
				return nil, err
			}
			missing = append(missing, file)
		}
	}
	return missing, nil
}

// unlessAbsent returns err, or nil if err says that a file does not exist.
func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func lookError(p place, err error) error {
	from := ""
	if p.from != "" {
		from = " (" + p.from + ")"
	}
	return fmt.Errorf("data: %s%s cannot be looked into: %w; change its permissions, or name another place with --data", p.path, from, err)
}

// glob is the set's files as a pattern for messages.
func (c *cifar) glob() string {
	ms := c.members()
	if len(ms) == 2 {
		return "{" + ms[0].name + "," + ms[1].name + "}"
	}
	return fmt.Sprintf("{%s .. %s,%s}", ms[0].name, c.train[len(c.train)-1].name, c.test[0].name)
}

// foreign lists the entries of a folder that may be mistaken for the set.
func (c *cifar) foreign(folder string) (found []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if what := c.recognize(e.Name()); what != "" {
			found = append(found, fmt.Sprintf("%s: %s", filepath.Join(folder, e.Name()), what))
		}
	}
	if what := c.recognizeAll(names); what != "" && found == nil {
		found = append(found, fmt.Sprintf("%s: %s", folder, what))
	}
	return found[:min(len(found), 3)]
}

// near lists the entries beside a path that does not exist whose names are nearly its own.
func (c *cifar) near(path string) (found []string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if base := filepath.Base(path); edits(e.Name(), base) <= max(2, len(base)/6) && len(found) < 3 {
			found = append(found, fmt.Sprintf("%s: did you mean this?", filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return found
}

// recognize describes a file or folder that looks like the set but is not it; "" for any other
// name.
func (c *cifar) recognize(name string) string {
	stem := strings.TrimSuffix(c.archive.name, "-binary.tar.gz") // "cifar-10"
	lower := strings.ToLower(name)
	rest, ours := strings.CutPrefix(lower, stem)
	switch {
	case !ours || strings.HasPrefix(rest, "0"): // cifar-100 is not cifar-10
		return ""
	case name == c.archive.name || name == c.folder:
		return ""
	case strings.HasSuffix(lower, ".partial"), strings.HasSuffix(lower, ".partial.json"):
		return "an unfinished download: `shake data fetch " + c.set + "` goes on with it"
	case strings.Contains(rest, "python"), strings.Contains(rest, "-py"):
		return "the version for Python (pickles), which is not read; want the binary version, " + c.archive.name
	case strings.Contains(rest, "mat"):
		return "the version for Matlab, which is not read; want the binary version, " + c.archive.name
	case strings.HasPrefix(rest, "-binary"):
		return "has another name than " + c.archive.name + ": --data with this path reads it"
	}
	return ""
}

// recognizeAll describes files that only together show their kind.
func (c *cifar) recognizeAll(names []string) string {
	has := map[string]bool{}
	for _, n := range names {
		has[n] = true
	}
	switch {
	case has["data_batch_1"] && has["test_batch"], has["train"] && has["test"] && has["meta"]:
		return "files of the version for Python (pickles), which is not read; want the binary version, " + c.archive.name
	case has["data_batch_1.mat"], has["train.mat"] && has["test.mat"]:
		return "files of the version for Matlab, which is not read; want the binary version, " + c.archive.name
	}
	for _, other := range []*cifar{cifar10, cifar100} {
		if other.set != c.set && has[other.test[0].name] && has[other.train[0].name] {
			return "files of " + other.set + ", want those of " + c.set
		}
	}
	return ""
}

// edits is the number of letters to insert, delete or change to turn a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
