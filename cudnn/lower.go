package cudnn

// spec is the plan of a backend descriptor: a kind and its attributes.
type spec struct {
	kind  int32
	attrs []attr
}

// attr is an attribute: its name, its type, and the value as int32 (enumerations), []int64,
// float32, bool, string (characters), or ref or []ref (earlier descriptors of the list).
type attr struct {
	name, typ int32
	value     any
}

// ref names a descriptor by its place in the list.
type ref int

// lowering is a graph as a list of descriptors, each after the ones that it refers to.
type lowering struct {
	g       *Graph
	opt     lowerOptions
	specs   []spec
	tensors []ref
}

type lowerOptions struct {
	handle        bool // the graph names the handle
	deterministic bool // reductions sum in a fixed order
}

// lower returns the graph's descriptors; the last is the operation graph itself.
func lower(g *Graph, o lowerOptions) []spec {
	l := &lowering{g: g, opt: o}
	for i, t := range g.Tensors {
		a := []attr{
			{attrTensorUniqueID, typeInt64, []int64{int64(i + 1)}},
			{attrTensorDataType, typeDataType, dataTypes[t.Type].code},
			{attrTensorAlignment, typeInt64, []int64{t.align()}},
			{attrTensorDimensions, typeInt64, t.Dims},
			{attrTensorStrides, typeInt64, t.Strides},
		}
		switch t.Role {
		case Virtual:
			a = append(a, attr{attrTensorIsVirtual, typeBoolean, true})
		case Scalar:
			a = append(a, attr{attrTensorIsByValue, typeBoolean, true})
		}
		l.tensors = append(l.tensors, l.add(spec{descTensor, a}))
	}
	var ops []ref
	for _, n := range g.Nodes {
		ops = append(ops, l.add(n.lower(l)))
	}
	graph := spec{descOperationGraph, []attr{{attrGraphOps, typeDescriptor, ops}}}
	if o.handle {
		graph.attrs = append(graph.attrs, attr{attrGraphHandle, typeHandle, nil})
	}
	l.add(graph)
	return l.specs
}

func (l *lowering) add(s spec) ref {
	l.specs = append(l.specs, s)
	return ref(len(l.specs) - 1)
}

func (l *lowering) tensor(r Ref) ref { return l.tensors[r-1] }

// optional appends a tensor attribute if r names a tensor.
func (l *lowering) optional(a []attr, name int32, r Ref) []attr {
	if r == 0 {
		return a
	}
	return append(a, attr{name, typeDescriptor, l.tensor(r)})
}
