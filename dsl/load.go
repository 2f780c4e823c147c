package dsl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// builtinPrefix marks the file of a built-in network in errors.
const builtinPrefix = "builtin:"

// maxExtends is the length of the longest chain of files that extend each other.
const maxExtends = 16

// Loader reads networks from files and from the built-in ones.
type Loader struct {
	Builtin fs.FS // NAME.toml in its root; may be nil
	Sweeps  fs.FS // NAME.toml of the built-in sweeps; may be nil
}

// Load returns the network called nameOrPath with the overrides ("train.lr=0.1") applied, in order.
// A name with a slash or with the ending ".toml" is a file, or else the built-in network of that
// name; any other is a built-in network, or else a file.
//
// The error is Errors with every mistake found, a *NotFoundError, or that of reading the file.
func (l *Loader) Load(nameOrPath string, overrides ...string) (*Spec, error) {
	file, ok := l.find(nameOrPath)
	if !ok {
		return nil, &NotFoundError{Name: nameOrPath, Names: l.Names()}
	}
	text, err := l.read(file)
	if err != nil {
		return nil, err
	}
	return l.Parse(file, text, overrides...)
}

// Parse is Load for a text in memory. Errors and the network's name say file; the file that the
// text extends is looked for beside it.
func (l *Loader) Parse(file string, text []byte, overrides ...string) (*Spec, error) {
	r := reading{Loader: l}
	root, errs := r.resolve(file, string(text), nil)
	for _, s := range overrides {
		r.files = append(r.files, overrideSource(s))
		o, wrong := parseOverride(s)
		if wrong == nil && root != nil {
			var next *node
			if next, wrong = o.apply(root); wrong == nil {
				root = next
			}
		}
		errs = append(errs, wrong...)
	}
	if root == nil {
		return nil, errs
	}
	c := newChecker(language)
	c.errs = errs
	s := &Spec{Name: nameOf(file)}
	c.table(language, root, "", s)
	c.rules(s)
	if len(c.errs) > 0 {
		return nil, c.errs.inOrder(r.files)
	}
	return s, nil
}

// Names returns the names of the built-in networks, sorted.
func (l *Loader) Names() []string {
	if l.Builtin == nil {
		return nil
	}
	files, _ := fs.Glob(l.Builtin, "*.toml")
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".toml")
	}
	sort.Strings(files)
	return files
}

// find returns the file that a name stands for.
func (l *Loader) find(name string) (file string, ok bool) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".toml") {
		if isFile(name) {
			return name, true
		}
		return l.builtin(name)
	}
	if file, ok = l.builtin(name); ok {
		return file, ok
	}
	return name, isFile(name)
}

// isFile is true of a name that may not be looked at, too: reading the file will say so.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir() || errors.Is(err, fs.ErrPermission)
}

func (l *Loader) builtin(name string) (file string, ok bool) {
	name = strings.TrimPrefix(name, builtinPrefix)
	name = strings.TrimSuffix(name, ".toml") + ".toml"
	if l.Builtin == nil || strings.ContainsAny(name, `/\`) {
		return "", false
	}
	if _, err := fs.Stat(l.Builtin, name); err != nil {
		return "", false
	}
	return builtinPrefix + name, true
}

// read returns the text of a file that find found, cut off where it is too long for any network.
func (l *Loader) read(file string) ([]byte, error) {
	var f io.ReadCloser
	var err error
	if name, is := strings.CutPrefix(file, builtinPrefix); is {
		f, err = l.Builtin.Open(name)
	} else {
		// A pipe may be a network; a pipe without a writer is not waited for.
		f, err = os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a network: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("reading a network: %w", err)
	}
	if info, err := os.Stat(file); len(text) == 0 && err == nil && !info.Mode().IsRegular() {
		return nil, Errors{{File: file, Want: "a regular file, or a pipe that a network comes through", Have: "nothing to read"}}
	}
	return text, nil
}

// reading is one Load: it remembers the files in the order in which errors are reported.
type reading struct {
	*Loader
	files []string
}

// resolve decodes a text and lays it over the file it extends. chain holds the files that extend
// this one.
func (r *reading) resolve(file, text string, chain []string) (*node, Errors) {
	r.files = append(r.files, file)
	root, errs := decode(file, text)
	if errs != nil {
		return nil, errs
	}
	if shake := root.value.(table)["shake"]; shake != nil {
		root.value.(table)["shake"] = expandShake(shake)
	}
	ext := root.value.(table)["extends"]
	if ext == nil {
		return root, nil
	}
	name, ok := ext.value.(string)
	if !ok {
		return root, nil // the check of types reports it
	}
	fail := func(want, have, hint string) (*node, Errors) {
		return nil, Errors{{File: file, Line: ext.at.line, Col: ext.at.col, Key: "extends", Want: want, Have: have, Hint: hint}}
	}
	base, ok := r.findBase(file, name)
	if !ok {
		want := "a file beside this one"
		if names := r.Names(); len(names) > 0 {
			want += " or a built-in network (" + strings.Join(names, ", ") + ")"
		}
		return fail(want, quoteShort(name), didYouMean(strings.TrimSuffix(name, ".toml"), r.Names()))
	}
	chain = append(chain, file)
	for i, f := range chain {
		if same(f, base) {
			return fail("files that do not extend each other in a circle", strings.Join(append(chain[i:], base), " -> "), "")
		}
	}
	if len(chain) >= maxExtends {
		return fail(fmt.Sprintf("a chain of at most %d files", maxExtends), "a longer one", "")
	}
	baseText, err := r.read(base)
	if err != nil {
		return fail("a file that can be read", err.Error(), "")
	}
	under, errs := r.resolve(base, string(baseText), chain)
	if errs != nil {
		return nil, errs
	}
	delete(under.value.(table), "name")
	return merge(under, root), nil
}

// findBase returns the file that a file means by extends = name.
func (r *reading) findBase(file, name string) (string, bool) {
	if strings.HasPrefix(file, builtinPrefix) {
		return r.builtin(name)
	}
	beside := name
	if !filepath.IsAbs(name) {
		beside = filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
	}
	if strings.HasSuffix(name, ".toml") && isFile(beside) {
		return beside, true
	}
	if base, ok := r.builtin(path.Base(filepath.ToSlash(name))); ok && !strings.ContainsAny(name, `/\`) {
		return base, true
	}
	return beside, isFile(beside)
}

// same reports whether two file names mean one file.
func same(a, b string) bool {
	if strings.HasPrefix(a, builtinPrefix) || strings.HasPrefix(b, builtinPrefix) {
		return a == b
	}
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}
