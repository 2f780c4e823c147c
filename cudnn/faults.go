package cudnn

import "fmt"

// fault is a kind of graph that ends the process in some versions of the library. The package
// refuses such a graph before it asks the library.
type fault struct {
	before int  // the first version, in the form of cudnnGetVersion, known to answer
	ask    bool // only the heuristics die; a named engine is safe
	what   string
	has    func(*Graph) bool
}

// faults are those seen with NVIDIA's libraries (TestRealOperations).
var faults = []fault{
	// 9.19 dies of SIGSEGV in its heuristics; 9.28 answers that it does not support the graph.
	{92800, false, "the gradient of a max pool with channels last and without an index", func(g *Graph) bool {
		for _, n := range g.Nodes {
			if p, ok := n.(*Pooling); ok && p.Back && p.Pool.Mode == MaxPool && p.Index == 0 && g.at(p.Y).channelsLast() {
				return true
			}
		}
		return false
	}},
	// 9.8 to 9.10 die of SIGFPE: for some shapes they divide by a number of slices that is 0. 9.19
	// answers.
	{91900, true, "a weight gradient that is worked on before it is stored", func(g *Graph) bool {
		for _, n := range g.Nodes {
			if c, ok := n.(*Convolution); ok && c.Dir == BackwardFilter && g.at(c.W).Role == Virtual {
				return true
			}
		}
		return false
	}},
}

// survives refuses a sound graph that kills this version of the library. named says whether the
// options name an engine; then only faults outside the heuristics count.
func (h *Handle) survives(g *Graph, named bool) error {
	for _, f := range faults {
		if f.ask && named {
			continue // only the heuristics die of it
		}
		if h.b.version() < f.before && f.has(g) {
			return &Error{Op: g.Name, On: g.on(), kind: ErrNotSupported,
				Detail: fmt.Sprintf("%s: cuDNN %s ends the process when it is asked for it", f.what, h.Version())}
		}
	}
	return nil
}
