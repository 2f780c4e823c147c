package cudnn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shake/internal/files"
)

// Cache keeps plans in a folder, one file each: the chosen engine and its compiled code, so that no
// later process searches, compiles or times again. The key of a plan is the card, the library's
// version, the graph (shapes, layouts, types, alignments) and the options. Several processes may
// share a folder: files appear whole or not at all, and each carries a checksum.
type Cache struct {
	dir string
	// Report receives the name of an unusable file that was made again, and why: the file was
	// damaged, or of another library in spite of its name. Threads of Prepare call it too, but never
	// two at once. May be nil.
	Report    func(file, why string)
	reporting sync.Mutex
}

// OpenCache makes the folder if it does not exist. A folder that other users may write is an error.
// An empty dir means the user's own cache folder, in shake/cudnn.
func OpenCache(dir string) (*Cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("cudnn: the folder of cached plans: %w", err)
		}
		dir = filepath.Join(base, "shake", "cudnn")
	}
	if err := files.Private(dir); err != nil {
		return nil, fmt.Errorf("cudnn: the folder of cached plans: %w", err)
	}
	return &Cache{dir: dir}, nil
}

// Dir is the cache's folder.
func (c *Cache) Dir() string { return c.dir }

// entry is the content of a file behind its first line. The first line is magic and the SHA-256 of
// the rest.
type entry struct {
	Card      string        `json:"card"`
	Version   string        `json:"cudnn"`
	Operation string        `json:"operation"`
	Engine    string        `json:"engine"`
	Config    EngineConfig  `json:"config"`
	Time      time.Duration `json:"nanoseconds,omitempty"` // as measured by Autotune, or 0
	Plan      string        `json:"plan"`                  // the library's own form of the plan
}

const magic = "shake cudnn plan 2 "

const maxEntry = 256 << 20 // bytes; a plan with its compiled code has up to some megabytes

// key is the name of a plan's file. The values of scalars are no part of it: they are passed at
// each run.
func key(version, card string, g *Graph, opt options, strict bool) string {
	h := sha256.New()
	fmt.Fprintln(h, magic, version, card, opt.deterministic, opt.workspace, strict)
	if opt.engine != nil {
		fmt.Fprintln(h, "engine", *opt.engine)
	}
	for _, s := range lower(g, lowerOptions{deterministic: opt.deterministic}) {
		fmt.Fprintln(h, s.kind)
		for _, a := range s.attrs {
			fmt.Fprintf(h, " %d %d %T %v\n", a.name, a.typ, a.value, a.value)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (c *Cache) file(key string) string { return filepath.Join(c.dir, key+".plan") }

// load returns the entry of a key, or nil. A damaged file is removed.
func (c *Cache) load(key string) *entry {
	b, err := files.Read(c.file(key), maxEntry)
	if err != nil {
		if !os.IsNotExist(err) {
			c.report(key, err.Error())
		}
		return nil
	}
	head, body, _ := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(body)
	e := &entry{}
	if string(head) != magic+hex.EncodeToString(sum[:]) {
		c.discard(key, "damaged: its checksum is wrong")
		return nil
	}
	if err := json.Unmarshal(body, e); err != nil {
		c.discard(key, err.Error())
		return nil
	}
	return e
}

// store writes an entry, whole or not at all. A failure to write is reported and is no error of the
// plan.
func (c *Cache) store(key string, e *entry) {
	body, err := json.Marshal(e)
	if err == nil {
		sum := sha256.Sum256(body)
		err = files.ReplaceBytes(c.file(key), append([]byte(magic+hex.EncodeToString(sum[:])+"\n"), body...))
	}
	if err != nil {
		c.report(key, err.Error())
	}
}

func (c *Cache) discard(key, why string) {
	c.report(key, why)
	os.Remove(c.file(key))
}

func (c *Cache) report(key, why string) {
	if c.Report != nil {
		c.reporting.Lock()
		defer c.reporting.Unlock()
		c.Report(c.file(key), why)
	}
}

// cached returns the plan that the cache holds for a search, or nil.
func (s *search) cached() *Plan {
	c := s.h.cache
	if c == nil {
		return nil
	}
	e := c.load(s.key)
	if e == nil {
		return nil
	}
	d, st := s.h.fromText(e.Plan)
	if st != 0 {
		c.discard(s.key, s.failure(st).Error())
		return nil
	}
	p, err := s.plan(d, e.Engine, e.Config)
	if err != nil {
		c.discard(s.key, err.Error())
		return nil
	}
	p.took = e.Time
	return p
}

// keep puts a plan in the cache. took is its measured time, or 0. A measured plan is the fastest
// one; it is the graph's plan from then on.
func (p *Plan) keep(took time.Duration) {
	p.took = took
	if p.pair != nil {
		p.pair.first.keep(took)
		return
	}
	if p.h.cache == nil {
		return
	}
	text, st := p.h.b.getString(p.d, attrPlanJSON)
	if st != 0 {
		p.h.cache.report(p.key, p.h.b.failure(p.name, p.on, st).Error())
		return
	}
	key := p.key
	if took > 0 {
		key = p.base
	}
	p.h.cache.store(key, &entry{Card: p.h.card, Version: p.h.Version(), Operation: p.name + " " + p.on, Engine: p.engine, Config: p.config, Time: took, Plan: text})
}

// Kept says whether h's cache has a plan for g under these options, and how long a run took where
// Autotune measured it. The library is not asked. A damaged file counts as none.
func (h *Handle) Kept(g *Graph, o ...Option) (kept bool, took time.Duration) {
	if h.usable("Kept") != nil || h.cache == nil || g.Check() != nil {
		return false, 0
	}
	e := h.cache.load(h.keyOf(g, resolve(o)))
	if e == nil {
		return false, 0
	}
	return true, e.Time
}
