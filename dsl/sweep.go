package dsl

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Sweep is a table of experiments: rows, each a network with overrides, trained once for every
// seed. Its rows are resolved and valid.
type Sweep struct {
	Name  string // base name of the file without ".toml": "table1"
	Title string
	Table int      // the paper's table that the rows belong to; 0: none
	Net   string   // network of the rows that name none
	Set   []string // overrides of every row
	Seeds []uint64 // of the rows that name none
	Rows  []Row
	Cited []Cited
}

// Row is one experiment of a sweep, and the paper's figures of it.
type Row struct {
	Name     string // of its folder: letters, digits, '.', '_' and '-'
	Model    string // as the paper calls the network: "26 2x32d"
	Net      string // a built-in network or a file
	Set      []string
	Seeds    []uint64
	Paper    float64 // published test error, per cent; 0: none
	Runs     int     // whose mean it is
	Diverges bool    // the published result is that training diverges

	Overrides []string // of the sweep, the row and the command line, in this order
	Spec      *Spec    // Net with Overrides; its seed is not that of a run
}

// Cited is a figure of another method that the paper sets beside its own.
type Cited struct {
	Model string
	Error float64 // test error, per cent
	Data  string  // "cifar10" or "cifar100"
}

var sweepKeys = []key{
	{name: "name", kind: text, absent: "the file's name without `.toml`", field: in(func(s *Sweep) *string { return &s.Name }),
		doc: "Name of the sweep and of its directory: letters, digits, `.`, `_` and `-`."},
	{name: "title", kind: text, absent: "the name", field: in(func(s *Sweep) *string { return &s.Title }),
		doc: "The sweep's subject, in one line."},
	{name: "table", kind: integer, min: 0, max: 5, def: "0", field: in(func(s *Sweep) *int { return &s.Table }),
		doc: "Table of the paper that the rows belong to; 0: none."},
	{name: "net", kind: text, def: `""`, field: in(func(s *Sweep) *string { return &s.Net }),
		doc: "Network of the rows that name none: built in, or a file beside this one."},
	{name: "set", kind: texts, def: "[]", field: in(func(s *Sweep) *[]string { return &s.Set }),
		doc: "Overrides of every row, `\"key=value\"` as behind `-o`."},
	{name: "seeds", kind: integers, min: 0, max: math.Inf(1), least: 1, absent: "every row has its own", field: in(func(s *Sweep) *[]uint64 { return &s.Seeds }),
		doc: "Seeds; a row is trained once for each."},
	{name: "row", kind: subtables, keys: rowKeys, least: 1, field: in(func(s *Sweep) *[]Row { return &s.Rows }),
		doc: "One table an experiment."},
	{name: "cited", kind: subtables, keys: citedKeys, def: "[]", field: in(func(s *Sweep) *[]Cited { return &s.Cited }),
		doc: "Figures of other methods, for the report."},
}

var rowKeys = []key{
	{name: "name", kind: text, field: in(func(r *Row) *string { return &r.Name }),
		doc: "Name of the row and of its folder: letters, digits, `.`, `_` and `-`."},
	{name: "model", kind: text, absent: "the network's name", field: in(func(r *Row) *string { return &r.Model }),
		doc: "The network's name in the report."},
	{name: "net", kind: text, absent: "the sweep's", field: in(func(r *Row) *string { return &r.Net }),
		doc: "Network of the row: built in, or a file beside this one."},
	{name: "set", kind: texts, def: "[]", field: in(func(r *Row) *[]string { return &r.Set }),
		doc: "Overrides of the row, behind the sweep's."},
	{name: "seeds", kind: integers, min: 0, max: math.Inf(1), least: 1, absent: "the sweep's", field: in(func(r *Row) *[]uint64 { return &r.Seeds }),
		doc: "Seeds of the row."},
	{name: "paper", kind: number, min: 0, max: 100, above: true, absent: "nothing is published", field: in(func(r *Row) *float64 { return &r.Paper }),
		doc: "Published test error in per cent."},
	{name: "runs", kind: integer, min: 1, max: 1000, absent: "not said", field: in(func(r *Row) *int { return &r.Runs }),
		doc: "Number of runs whose mean the published figure is."},
	{name: "diverges", kind: boolean, def: "false", field: in(func(r *Row) *bool { return &r.Diverges }),
		doc: "`true`: the published result is that training diverges."},
}

var citedKeys = []key{
	{name: "model", kind: text, field: in(func(c *Cited) *string { return &c.Model }), doc: "Name of the method."},
	{name: "error", kind: number, min: 0, max: 100, above: true, field: in(func(c *Cited) *float64 { return &c.Error }), doc: "Published test error in per cent."},
	{name: "data", kind: word, words: setWords[:2], field: in(func(c *Cited) *string { return &c.Data }), doc: "Data set of the figure."},
}

// sweeps is a loader of sweeps: its built-in files are l's sweeps.
func (l *Loader) sweeps() *Loader { return &Loader{Builtin: l.Sweeps} }

// SweepNames returns the names of the built-in sweeps, sorted.
func (l *Loader) SweepNames() []string { return l.sweeps().Names() }

// LoadSweep returns the sweep called nameOrPath, found as Load finds a network. The extra overrides
// are laid over every row.
//
// The error is Errors with every mistake found, those of the rows' networks included, a
// *NotFoundError, or that of reading the file.
func (l *Loader) LoadSweep(nameOrPath string, extra ...string) (*Sweep, error) {
	s := l.sweeps()
	file, ok := s.find(nameOrPath)
	if !ok {
		return nil, &NotFoundError{Name: nameOrPath, Names: s.Names(), Sweep: true}
	}
	text, err := s.read(file)
	if err != nil {
		return nil, err
	}
	return l.ParseSweep(file, text, extra...)
}

// ParseSweep is LoadSweep for a text in memory. Errors and the sweep's name say file; networks in
// files are looked for beside it.
func (l *Loader) ParseSweep(file string, text []byte, extra ...string) (*Sweep, error) {
	root, errs := decode(file, string(text))
	if errs != nil {
		return nil, errs
	}
	c := newChecker(sweepKeys)
	s := &Sweep{Name: nameOf(file)}
	c.table(sweepKeys, root, "", s)
	if c.ok("name") && !nameForm.MatchString(s.Name) {
		c.fail("name", "letters, digits, '.', '_' and '-'", c.nodes["name"].have(), "")
	}
	if s.Title == "" {
		s.Title = s.Name
	}
	c.seeds("seeds", s.Seeds)
	rows := map[string]int{}
	for i := range s.Rows {
		c.row(l, file, s, i, rows, extra)
	}
	if len(c.errs) > 0 {
		return nil, c.errs.inOrder([]string{file})
	}
	return s, nil
}

// row checks row i, and resolves its network and its seeds.
func (c *checker) row(l *Loader, file string, s *Sweep, i int, rows map[string]int, extra []string) {
	r := &s.Rows[i]
	at := fmt.Sprintf("row[%d]", i+1)
	if name := at + ".name"; c.ok(name) {
		// The names are folders: on some file systems "A" and "a" are one.
		low := strings.ToLower(r.Name)
		if first := rows[low]; first > 0 {
			c.fail(name, "a name of its own", fmt.Sprintf("%s, as row[%d] has", c.nodes[name].have(), first), "")
		} else if !nameForm.MatchString(r.Name) {
			c.fail(name, "letters, digits, '.', '_' and '-'", c.nodes[name].have(), "")
		}
		rows[low] = i + 1
	}
	c.seeds(at+".seeds", r.Seeds)
	if r.Seeds == nil && c.nodes[at+".seeds"] == nil {
		if r.Seeds = s.Seeds; r.Seeds == nil && c.nodes["seeds"] == nil {
			c.failAt(c.nodes[at].at, at+".seeds", "seeds here or at the top of the file", "none", "write seeds = [1, 2, 3]")
		}
	}
	if r.Diverges && r.Paper != 0 && c.ok(at+".paper") {
		c.fail(at+".paper", "no figure where the published result is that training diverges", c.nodes[at+".paper"].have(), "")
	}
	c.network(l, file, s, r, at, extra)
}

// seeds refuses a seed given twice.
func (c *checker) seeds(path string, seeds []uint64) {
	if !c.ok(path) {
		return
	}
	for i, v := range seeds {
		if slices.Contains(seeds[:i], v) {
			c.fail(path, "seeds that differ", fmt.Sprintf("%d twice", v), "")
			return
		}
	}
}

// network resolves the network of a row. Its mistakes are reported at the row.
func (c *checker) network(l *Loader, file string, s *Sweep, r *Row, at string, extra []string) {
	where := at + ".net"
	if c.nodes[where] == nil {
		where, r.Net = "net", s.Net
	}
	if c.bad[where] || c.bad["set"] || c.bad[at+".set"] {
		return
	}
	report := func(path, want, have, hint string) {
		if n := c.nodes[path]; n != nil && n.at.line > 0 {
			c.fail(path, want, have, hint)
			return
		}
		c.failAt(c.nodes[at].at, path, want, have, hint)
	}
	if r.Net == "" {
		c.failAt(c.nodes[at].at, at+".net", "a network here or at the top of the file", "none", "")
		return
	}
	reading := reading{Loader: l}
	found, ok := reading.findBase(file, r.Net)
	if !ok {
		report(where, "a file beside this one or a built-in network ("+strings.Join(l.Names(), ", ")+")", quoteShort(r.Net), didYouMean(strings.TrimSuffix(r.Net, ".toml"), l.Names()))
		return
	}
	if !strings.HasPrefix(found, builtinPrefix) {
		r.Net = found
	}
	for _, list := range []struct {
		path string
		set  []string
	}{{"set", s.Set}, {at + ".set", r.Set}} {
		for _, o := range list.set {
			if key, _, _ := strings.Cut(o, "="); slices.Contains([]string{"seed", "name"}, strings.TrimSpace(key)) {
				report(list.path, "keys of the experiment", quoteShort(o), "a sweep says seeds and the names of its rows itself")
				return
			}
		}
	}
	r.Overrides = slices.Concat(s.Set, r.Set, extra)
	spec, err := l.Load(found, r.Overrides...)
	if err != nil {
		var es Errors
		if e, is := err.(Errors); is {
			es = e
		} else {
			es = Errors{{Have: err.Error()}}
		}
		for _, e := range es {
			path := where
			if strings.HasPrefix(e.File, overridePrefix) {
				path = at + ".set"
				if slices.ContainsFunc(extra, func(o string) bool { return overrideSource(o) == e.File }) {
					c.errs = append(c.errs, e) // of the command line, not of the row: once for all rows
					continue
				}
			}
			report(path, "a network that can be read", strings.TrimPrefix(e.Error(), ": "), "")
		}
		return
	}
	if r.Spec = spec; r.Model == "" {
		r.Model = spec.Name
	}
}
