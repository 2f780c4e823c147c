package cudnn

import "fmt"

// ReduceOp is the function of a Reduction.
type ReduceOp uint8

// The reductions.
const (
	Sum ReduceOp = iota + 1
	Product
	Minimum
	Maximum
)

var reduceOps = [...]struct {
	name string
	code int32
}{Sum: {"sum", reduceAdd}, Product: {"product", reduceMul}, Minimum: {"minimum", reduceMin}, Maximum: {"maximum", reduceMax}}

func (o ReduceOp) known() bool { return o >= Sum && o <= Maximum }

func (o ReduceOp) String() string {
	if !o.known() {
		return fmt.Sprintf("ReduceOp(%d)", uint8(o))
	}
	return reduceOps[o].name
}

// Reduction is the node y = op of x over the dimensions in which y has size 1, in F32.
type Reduction struct {
	Op   ReduceOp
	X, Y Ref
}

// Reduce computes op of x over the dimensions in which dims is 1; in the others dims is x's.
func (g *Graph) Reduce(op ReduceOp, x Ref, dims []int64) Ref {
	t, ok := g.need("Reduce", x)
	if !ok {
		return 0
	}
	y := g.virtual(op.String()+"("+t[0].Name+")", append([]int64(nil), dims...), t[0].TensorDesc)
	g.Nodes = append(g.Nodes, &Reduction{Op: op, X: x, Y: y})
	return y
}

func (n *Reduction) op() string    { return n.Op.String() }
func (n *Reduction) reads() []Ref  { return []Ref{n.X} }
func (n *Reduction) writes() []Ref { return []Ref{n.Y} }

func (n *Reduction) check(g *Graph) error {
	x, y := g.at(n.X), g.at(n.Y)
	if !n.Op.known() {
		return fmt.Errorf("no such reduction")
	}
	if len(x.Dims) != len(y.Dims) {
		return fmt.Errorf("%v to %v: want as many dimensions", x.Dims, y.Dims)
	}
	for i, d := range y.Dims {
		if d != x.Dims[i] && d != 1 {
			return fmt.Errorf("%v to %v: want the same or 1 in each dimension", x.Dims, y.Dims)
		}
	}
	return nil
}

func (n *Reduction) lower(l *lowering) spec {
	a := []attr{{attrReductionOp, typeReduction, reduceOps[n.Op].code}, {attrReductionPrec, typeDataType, int32(dataFloat)}}
	if l.opt.deterministic {
		a = append(a, attr{attrReductionDeterministic, typeBoolean, true})
	}
	desc := l.add(spec{descReduction, a})
	return spec{descOpReduction, []attr{
		{attrReductionDesc, typeDescriptor, ref(desc)},
		{attrReductionX, typeDescriptor, l.tensor(n.X)},
		{attrReductionY, typeDescriptor, l.tensor(n.Y)},
	}}
}

// GenStats is the node that sums x and x² over all dimensions but the channels, in F32.
type GenStats struct{ X, Sum, SqSum Ref }

// Stats computes Σx and Σx² of each channel. cuDNN takes it behind a convolution: over Conv's
// virtual result, of which an Identity is stored.
func (g *Graph) Stats(x Ref) (sum, squares Ref) {
	t, ok := g.need("Stats", x)
	if !ok || len(t[0].Dims) != 4 {
		g.fail("Stats: want a tensor of four dimensions")
		return 0, 0
	}
	dims := []int64{1, t[0].Dims[1], 1, 1}
	like := t[0].TensorDesc
	sum = g.virtual("sum", dims, like)
	squares = g.virtual("sum of squares", append([]int64(nil), dims...), like)
	g.Nodes = append(g.Nodes, &GenStats{X: x, Sum: sum, SqSum: squares})
	return sum, squares
}

func (n *GenStats) op() string    { return "stats" }
func (n *GenStats) reads() []Ref  { return []Ref{n.X} }
func (n *GenStats) writes() []Ref { return []Ref{n.Sum, n.SqSum} }

func (n *GenStats) check(g *Graph) error {
	x := g.at(n.X)
	for _, r := range n.writes() {
		if t := g.at(r); t.Role != Output || t.Type != F32 || len(t.Dims) != 4 || t.Dims[1] != x.Dims[1] || t.Elements() != x.Dims[1] {
			return fmt.Errorf("%s %v: want a stored f32 tensor of [1 %d 1 1]", t.Name, t.TensorDesc, x.Dims[1])
		}
	}
	return nil
}

func (n *GenStats) lower(l *lowering) spec {
	return spec{descOpGenStats, []attr{
		{attrGenStatsMode, typeGenStatsMode, int32(genStatsSums)},
		{attrGenStatsPrec, typeDataType, int32(dataFloat)},
		{attrGenStatsX, typeDescriptor, l.tensor(n.X)},
		{attrGenStatsSum, typeDescriptor, l.tensor(n.Sum)},
		{attrGenStatsSqSum, typeDescriptor, l.tensor(n.SqSum)},
	}}
}
