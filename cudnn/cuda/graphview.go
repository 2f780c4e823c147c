package cuda

import (
	"fmt"
	"strings"
)

// NodeKind is a CUgraphNodeType: the kind of a graph's node.
type NodeKind int

// The kinds in captures of this package's calls, and a few that other libraries add.
const (
	KernelNode      NodeKind = 0
	CopyNode        NodeKind = 1
	MemsetNode      NodeKind = 2
	HostNode        NodeKind = 3
	ChildNode       NodeKind = 4
	EmptyNode       NodeKind = 5
	WaitEventNode   NodeKind = 6
	RecordEventNode NodeKind = 7
	AllocNode       NodeKind = 10
	FreeNode        NodeKind = 11
)

var nodeKinds = map[NodeKind]string{KernelNode: "kernel", CopyNode: "copy", MemsetNode: "memset", HostNode: "host", ChildNode: "graph", EmptyNode: "empty",
	WaitEventNode: "wait", RecordEventNode: "record", AllocNode: "alloc", FreeNode: "free"}

func (k NodeKind) String() string {
	if s := nodeKinds[k]; s != "" {
		return s
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Node is one node of a graph.
type Node struct {
	Kind   NodeKind
	Name   string // a kernel's, if the driver tells it (from CUDA 12.3 on)
	Launch Launch // a kernel's shape
}

// Edge says that node To waits for node From, both by their place in Nodes.
type Edge struct {
	From, To int
	// To may start before From has ended and waits itself (Launch.Programmatic)
	Programmatic bool
}

// Nodes lists the graph's nodes, in the driver's order. (cuGraphGetNodes,
// cuGraphKernelNodeGetParams)
func (g *Graph) Nodes() ([]Node, error) {
	const op = "Graph.Nodes"
	if g.closed() {
		return nil, closed(op, "graph")
	}
	handles, s := cGraphNodes(g.handle)
	if s != 0 {
		return nil, failed(op, s, "")
	}
	nodes := make([]Node, len(handles))
	for i, h := range handles {
		t := cNodeType(h)
		if t.status != 0 {
			return nil, failed(op, t.status, "node %d", i)
		}
		nodes[i].Kind = NodeKind(t.value)
		if nodes[i].Kind != KernelNode {
			continue
		}
		shape, name, s := cNodeKernel(h)
		if s != 0 {
			return nil, failed(op, s, "kernel node %d", i)
		}
		nodes[i].Name = name
		nodes[i].Launch = Launch{Grid: [3]uint32(shape[:3]), Block: [3]uint32(shape[3:6]), Shared: shape[6]}
	}
	return nodes, nil
}

// Edges lists the graph's edges. It needs a driver of CUDA 12.3 or newer; an older one gives
// ErrNotSupported. (cuGraphGetEdges)
func (g *Graph) Edges() ([]Edge, error) {
	const op = "Graph.Edges"
	if g.closed() {
		return nil, closed(op, "graph")
	}
	handles, s := cGraphNodes(g.handle)
	if s != 0 {
		return nil, failed(op, s, "")
	}
	place := make(map[uint64]int, len(handles))
	for i, h := range handles {
		place[h] = i
	}
	from, to, programmatic, s := cGraphEdges(g.handle)
	if s == ErrNotSupported {
		return nil, &Error{Op: op, Status: s, Detail: "a driver of CUDA 12.3 (545) or newer is needed"}
	}
	if s != 0 {
		return nil, failed(op, s, "")
	}
	edges := make([]Edge, len(from))
	for i := range edges {
		edges[i] = Edge{place[from[i]], place[to[i]], programmatic[i] != 0}
	}
	return edges, nil
}

// DOT draws the graph in Graphviz's language: kernels with their name, grid and block, and every
// edge, programmatic ones dashed.
func (g *Graph) DOT() (string, error) {
	nodes, err := g.Nodes()
	if err != nil {
		return "", err
	}
	edges, err := g.Edges()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("digraph captured {\n  node [shape=box fontname=monospace];\n")
	for i, n := range nodes {
		label := n.Kind.String()
		if n.Kind == KernelNode {
			if n.Name != "" {
				label = n.Name
			}
			label += fmt.Sprintf("\n%s x %s", dims(n.Launch.Grid), dims(n.Launch.Block))
		}
		fmt.Fprintf(&b, "  n%d [label=%q];\n", i, label)
	}
	for _, e := range edges {
		style := ""
		if e.Programmatic {
			style = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  n%d -> n%d%s;\n", e.From, e.To, style)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// dims writes a grid or a block, without the trailing ones.
func dims(v [3]uint32) string {
	switch {
	case v[2] > 1:
		return fmt.Sprintf("(%d,%d,%d)", v[0], v[1], v[2])
	case v[1] > 1:
		return fmt.Sprintf("(%d,%d)", v[0], v[1])
	}
	return fmt.Sprint(v[0])
}
