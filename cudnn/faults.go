package cudnn

import "fmt"

// fault is a graph that a version of the library does not survive being asked about: the question ends the process, so it is not put.
type fault struct {
	before int  // the first version, as cudnnGetVersion tells it, that is known to answer
	ask    bool // it is the heuristics that must not be asked: an engine that is named will do
	what   string
	has    func(*Graph) bool
}

// faults are those seen with NVIDIA's libraries (TestRealOperations).
var faults = []fault{
	// 9.19 dies of SIGSEGV in its heuristics; 9.28 says that it does not support it.
	{92800, false, "the gradient of a max pool with channels last and without an index", func(g *Graph) bool {
		for _, n := range g.Nodes {
			if p, ok := n.(*Pooling); ok && p.Back && p.Pool.Mode == MaxPool && p.Index == 0 && g.at(p.Y).channelsLast() {
				return true
			}
		}
		return false
	}},
	// 9.8 to 9.10 die of SIGFPE: of some shapes they divide by the number of slices that they find to be 0. 9.19 answers.
	{91900, true, "a weight gradient that is worked on before it is stored", func(g *Graph) bool {
		for _, n := range g.Nodes {
			if c, ok := n.(*Convolution); ok && c.Dir == BackwardFilter && g.at(c.W).Role == Virtual {
				return true
			}
		}
		return false
	}},
}

// survives refuses a sound graph that this version of the library would die of, in its heuristics or, if named, whatever is asked.
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
