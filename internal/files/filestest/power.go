package filestest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"shake/internal/files"
)

// Recording is the changes that a files.Disk made below a folder, from which Cut makes the files
// that a cut of the power leaves. A change counts as durable from the fsync on that POSIX asks for:
// of the file for its bytes, of the folder for its names.
type Recording struct {
	root    string
	before  *node // the folder when the recording began, all of it durable
	mu      sync.Mutex
	changes []files.Change
}

// Record begins a recording of the folder root. The caller sets the Disk's Changed to that of the
// recording.
func Record(root string) (*Recording, error) {
	before, err := read(root)
	return &Recording{root: root, before: before}, err
}

// Changed keeps a change below the folder; several goroutines may call it.
func (r *Recording) Changed(c files.Change) {
	if rel, err := filepath.Rel(r.root, c.Path); err != nil || strings.HasPrefix(rel, "..") {
		return
	}
	c.Data = bytes.Clone(c.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, c)
}

// Len is the number of changes so far.
func (r *Recording) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)
}

// Loss is the part of the changes that a cut of the power takes, if they are not durable.
type Loss int

// The losses. Each is possible under POSIX; file systems differ in which of them happen.
const (
	All    Loss = iota // every change
	Bytes              // the bytes: a file is as long as it was, with zeros for the bytes written
	Tails              // the bytes and the lengths: a file ends where its durable bytes do
	Names              // the names: the files are whole, but were never made, renamed or deleted
	Random             // some names and some bytes, out of order; a write may be torn
	Losses             // their number
)

func (l Loss) String() string {
	return []string{"all is lost", "bytes are zeros", "tails are lost", "names are lost", "lost at random"}[l]
}

// Cut makes, in the empty folder to, the files that a cut of the power after n changes leaves.
func (r *Recording) Cut(to string, n int, loss Loss, random *rand.Rand) error {
	root := r.before.clone()
	for i, c := range r.changes[:n] {
		if err := root.apply(r.root, c); err != nil {
			return fmt.Errorf("change %d, %s %s: %w", i, c.Op, c.Path, err)
		}
	}
	return root.write(to, loss, random)
}

// node is a file or a folder: its durable state, and the changes since, in order.
type node struct {
	folder  bool
	content []byte           // durable, of a file
	writes  []files.Change   // since
	names   map[string]*node // durable, of a folder
	renames []naming         // since
	now     map[string]*node // with them
}

// naming is a change of a folder: the name from, if any, goes, and the name to, if any, leads to
// node.
type naming struct {
	from, to string
	node     *node
}

func file(content []byte) *node { return &node{content: content} }

func folder() *node { return &node{folder: true, names: map[string]*node{}, now: map[string]*node{}} }

// read is the durable node of a path.
func read(path string) (*node, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		b, err := os.ReadFile(path)
		return file(b), err
	}
	n := folder()
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n.names[e.Name()], err = read(filepath.Join(path, e.Name())); err != nil {
			return nil, err
		}
	}
	n.now = maps.Clone(n.names)
	return n, nil
}

// clone copies a node of which all is durable.
func (n *node) clone() *node {
	if !n.folder {
		return file(n.content)
	}
	c := folder()
	for name, x := range n.names {
		c.names[name] = x.clone()
	}
	c.now = maps.Clone(c.names)
	return c
}

// find returns the node of a path below the folder top, nil if there is none.
func (n *node) find(top, path string) *node {
	rel, err := filepath.Rel(top, path)
	if err != nil || rel == "." {
		return n
	}
	for name := range strings.SplitSeq(rel, string(filepath.Separator)) {
		if n == nil || !n.folder {
			return nil
		}
		n = n.now[name]
	}
	return n
}

// apply makes a change of the folder top, whose node is n.
func (n *node) apply(top string, c files.Change) error {
	at, dir, name := n.find(top, c.Path), n.find(top, filepath.Dir(c.Path)), filepath.Base(c.Path)
	if c.Path != top && dir == nil {
		return fs.ErrNotExist
	}
	switch c.Op {
	case files.OpOpen:
		if at == nil {
			dir.rename(naming{to: name, node: file(nil)})
		}
	case files.OpMkdir:
		dir.rename(naming{to: name, node: folder()})
	case files.OpUnlink:
		dir.rename(naming{from: name})
	case files.OpRename:
		if filepath.Dir(c.From) != filepath.Dir(c.Path) {
			return fmt.Errorf("renamed from another folder: %s", c.From)
		}
		from := filepath.Base(c.From)
		dir.rename(naming{from, name, dir.now[from]})
	case files.OpWrite, files.OpTruncate:
		at.writes = append(at.writes, c)
	case files.OpSync:
		if at.folder {
			at.names, at.renames = maps.Clone(at.now), nil
		} else {
			at.content, at.writes = at.bytes(All, nil, true), nil
		}
	default:
		return fmt.Errorf("unknown change")
	}
	return nil
}

func (n *node) rename(c naming) {
	n.renames = append(n.renames, c)
	c.in(n.now)
}

func (c naming) in(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.node
	}
}

// bytes is the content of a file after a loss, or with every write if whole.
func (n *node) bytes(loss Loss, random *rand.Rand, whole bool) []byte {
	b := bytes.Clone(n.content)
	for _, c := range n.writes {
		data := c.Data
		switch {
		case whole || loss == Names:
		case loss == Bytes:
			data = make([]byte, len(data))
		case loss == Random && random.IntN(3) > 0:
			if c.Op == files.OpWrite {
				data = bytes.Clone(data)
				clear(data[random.IntN(len(data)+1):])
			}
		default:
			continue
		}
		if c.Op == files.OpTruncate {
			if grow := int(c.At) - len(b); grow > 0 {
				b = append(b, make([]byte, grow)...)
			}
			b = b[:c.At]
			continue
		}
		if grow := int(c.At) + len(data) - len(b); grow > 0 {
			b = append(b, make([]byte, grow)...)
		}
		copy(b[c.At:], data)
	}
	return b
}

// write makes the node at path, after a loss.
func (n *node) write(path string, loss Loss, random *rand.Rand) error {
	if !n.folder {
		return os.WriteFile(path, n.bytes(loss, random, false), 0o666)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	names := maps.Clone(n.names)
	for _, c := range n.renames {
		if loss == Bytes || loss == Tails || loss == Random && random.IntN(2) > 0 {
			c.in(names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := names[name].write(filepath.Join(path, name), loss, random); err != nil {
			return err
		}
	}
	return nil
}
