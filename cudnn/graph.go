package cudnn

import (
	"fmt"
	"slices"
	"strings"
)

// Ref names a tensor of a Graph; the zero Ref names none.
type Ref int

// Role says where the value of a graph's tensor lives.
type Role uint8

// The roles: given by the caller, written for the caller, passed between nodes and never stored, a
// number that is part of the plan.
const (
	Input Role = iota + 1
	Output
	Virtual
	Scalar
)

// Tensor is a tensor of a graph.
type Tensor struct {
	TensorDesc
	Name  string
	Role  Role
	Value float32 // of a Scalar
	// The Input whose memory an Output is written to, in place; such an Output is not bound on its
	// own.
	Same Ref
}

// Node is one operation of a graph: a Convolution, Pointwise, GenStats, Reduction, Pooling,
// NormForward, NormBackward or NormFinalize.
type Node interface {
	op() string
	reads() []Ref
	writes() []Ref
	check(g *Graph) error
	lower(l *lowering) spec
}

// Graph is an operation graph as plain data. Each method adds a node and returns its result,
// virtual and in F32 until Store or As says otherwise. The first mistake sticks; Check, Handle.Plan
// and Handle.Plans report it. Example:
//
//	g := cudnn.NewGraph("conv bias relu")
//	x, w, b := g.Input("x", xd), g.Input("w", wd), g.Input("b", cudnn.PerChannel(64, cudnn.F32))
//	g.Store("y", g.ReLU(g.Add(g.Conv(x, w, conv), b)), yd)
type Graph struct {
	Name    string
	Tensors []Tensor // Ref r is Tensors[r-1]
	Nodes   []Node

	bound []Ref // inputs and stored outputs, in the order of the pointers of Plan.Run
	err   error
}

// NewGraph returns an empty graph. The name appears in errors.
func NewGraph(name string) *Graph { return &Graph{Name: name} }

// Input adds a tensor that the caller provides.
func (g *Graph) Input(name string, d TensorDesc) Ref {
	r := g.add(Tensor{TensorDesc: d, Name: name, Role: Input})
	g.bound = append(g.bound, r)
	return r
}

// Scalar adds a number that is fixed with the plan: an epsilon, a factor.
func (g *Graph) Scalar(name string, v float32) Ref {
	return g.add(Tensor{TensorDesc: TensorDesc{Dims: []int64{1, 1, 1, 1}, Strides: []int64{1, 1, 1, 1}, Type: F32}, Name: name, Role: Scalar, Value: v})
}

// Store makes t, which a node of this graph computes, an output of the form d, converted to d's
// type.
func (g *Graph) Store(name string, t Ref, d TensorDesc) Ref {
	v := g.at(t)
	switch {
	case v == nil:
		g.fail("Store %s: no tensor %d", name, t)
		return t
	case v.Role != Virtual:
		g.fail("Store %s: %s is no result of a node, or stored already", name, v.Name)
		return t
	case !slices.Equal(v.Dims, d.Dims):
		g.fail("Store %s: want %v, the result's dimensions, have %v", name, v.Dims, d.Dims)
		return t
	}
	v.TensorDesc, v.Name, v.Role = d, name, Output
	g.bound = append(g.bound, t)
	return t
}

// StoreOver makes t an output that overwrites the input in; it shares in's pointer and form.
func (g *Graph) StoreOver(in, t Ref) Ref {
	src := g.at(in)
	if src == nil || src.Role != Input {
		g.fail("StoreOver: tensor %d is no input", in)
		return t
	}
	n := len(g.bound)
	g.Store(src.Name+" out", t, src.TensorDesc)
	if g.err == nil {
		g.bound = g.bound[:n]
		g.at(t).Same = in
	}
	return t
}

// As gives the virtual tensor t another type: some fusions require a type of their inputs.
func (g *Graph) As(t Ref, typ DataType) Ref {
	if v := g.at(t); v == nil || v.Role != Virtual {
		g.fail("As %v: tensor %d is not virtual", typ, t)
	} else {
		v.Type = typ
	}
	return t
}

// Bindings names the tensors whose pointers Plan.Run takes, in order.
func (g *Graph) Bindings() []string {
	names := make([]string, len(g.bound))
	for i, r := range g.bound {
		names[i] = g.at(r).Name
	}
	return names
}

// Bound describes the same tensors, in the same order.
func (g *Graph) Bound() []TensorDesc {
	list := make([]TensorDesc, len(g.bound))
	for i, r := range g.bound {
		list[i] = g.at(r).TensorDesc
	}
	return list
}

func (g *Graph) String() string { return g.Name + " " + g.on() }

// on describes a graph in errors: the tensors that the caller gives.
func (g *Graph) on() string {
	words := make([]string, len(g.bound))
	for i, r := range g.bound {
		words[i] = fmt.Sprintf("%s=%v", g.at(r).Name, g.at(r).TensorDesc)
	}
	return strings.Join(words, " ")
}

// place is a bound tensor's place among the pointers of Plan.Run.
func (g *Graph) place(r Ref) int32 { return int32(slices.Index(g.bound, r)) }

func (g *Graph) at(r Ref) *Tensor {
	if r < 1 || int(r) > len(g.Tensors) {
		return nil
	}
	return &g.Tensors[r-1]
}

func (g *Graph) add(t Tensor) Ref {
	g.Tensors = append(g.Tensors, t)
	return Ref(len(g.Tensors))
}

// virtual adds the result of a node: dense, with channels last or not like its operand like.
func (g *Graph) virtual(name string, dims []int64, like TensorDesc) Ref {
	d := TensorDesc{Dims: dims, Type: F32}
	if len(dims) == 4 {
		c, h, w := dims[1], dims[2], dims[3]
		if d.Strides = []int64{c * h * w, h * w, w, 1}; like.channelsLast() {
			d.Strides = []int64{c * h * w, 1, c * w, c}
		}
	} else {
		d.Strides = make([]int64, len(dims))
		s := int64(1)
		for i := len(dims) - 1; i >= 0; i-- {
			d.Strides[i] = s
			s *= dims[i]
		}
	}
	return g.add(Tensor{TensorDesc: d, Name: name, Role: Virtual})
}

func (g *Graph) fail(format string, args ...any) {
	if g.err == nil {
		g.err = invalid(g.Name, format, args...)
	}
}

// need returns the tensors behind refs. It notes a missing one and returns false.
func (g *Graph) need(op string, refs ...Ref) ([]*Tensor, bool) {
	out := make([]*Tensor, len(refs))
	for i, r := range refs {
		if out[i] = g.at(r); out[i] == nil {
			g.fail("%s: no tensor %d in this graph", op, r)
			return nil, false
		}
	}
	return out, g.err == nil
}

// Check returns the first error in the graph: a mistake made while building it, an impossible
// tensor, a node whose shapes do not fit, a tensor that no node writes or reads or that two nodes
// write, parts without connection. The library itself lets several of these through.
func (g *Graph) Check() error {
	if g.err != nil {
		return g.err
	}
	op := g.Name
	if len(g.Nodes) == 0 {
		return invalid(op, "no nodes")
	}
	for _, t := range g.Tensors {
		if err := t.check(); err != nil {
			return invalid(op, "%s: %v", t.Name, err)
		}
	}
	written, read := make([]int, len(g.Tensors)+1), make([]int, len(g.Tensors)+1)
	part := make([]int, len(g.Tensors)+1) // connected components, as a forest
	root := func(i int) int {
		for part[i] != 0 {
			i = part[i]
		}
		return i
	}
	for _, n := range g.Nodes {
		var first Ref
		for i, r := range append(n.reads(), n.writes()...) {
			t := g.at(r)
			if t == nil {
				return invalid(op, "%s: no tensor %d in this graph", n.op(), r)
			}
			if i < len(n.reads()) {
				if read[r]++; t.Role != Input && t.Role != Scalar && written[r] == 0 {
					return invalid(op, "%s reads %s before a node writes it", n.op(), t.Name)
				}
			} else if written[r]++; written[r] > 1 || t.Role == Input || t.Role == Scalar {
				return invalid(op, "%s writes %s, which is an input or written already", n.op(), t.Name)
			}
			if first == 0 {
				first = r
			} else if a, b := root(int(first)), root(int(r)); a != b {
				part[a] = b
			}
		}
		if err := n.check(g); err != nil {
			return invalid(op, "%s: %v", n.op(), err)
		}
	}
	for i, t := range g.Tensors {
		switch r := i + 1; {
		case written[r]+read[r] == 0:
			return invalid(op, "%s: no node uses it", t.Name)
		case t.Role == Virtual && read[r] == 0:
			return invalid(op, "%s: virtual and never read: Store it", t.Name)
		case root(r) != root(1):
			return invalid(op, "%s has no connection with %s", t.Name, g.Tensors[0].Name)
		}
	}
	return nil
}
