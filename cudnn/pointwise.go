package cudnn

import "fmt"

// PointwiseMode is the function that a Pointwise node applies to each element.
type PointwiseMode uint8

// The modes: of two operands (Greater gives 1 where x > b, else 0), of one, activations, and the
// gradients of activations. Graph.Activation has the activations' formulas.
const (
	Add PointwiseMode = iota + 1
	Sub
	Mul
	Div
	Min
	Max
	Greater
	Sqrt
	Rsqrt
	Exp
	Identity
	ReLU
	Tanh
	Sigmoid
	ELU
	GELU
	Swish
	reluBackward
	tanhBackward
	sigmoidBackward
	eluBackward
	geluBackward
	swishBackward
)

var pointwiseModes = [...]struct {
	name string
	code int32
}{
	Add: {"add", pointwiseAdd}, Sub: {"sub", pointwiseSub}, Mul: {"mul", pointwiseMul}, Div: {"div", pointwiseDiv},
	Min: {"min", pointwiseMin}, Max: {"max", pointwiseMax}, Greater: {"greater", pointwiseGreater}, Sqrt: {"sqrt", pointwiseSqrt}, Rsqrt: {"rsqrt", pointwiseRsqrt},
	Exp: {"exp", pointwiseExp}, Identity: {"identity", pointwiseIdentity},
	ReLU: {"relu", pointwiseReLU}, Tanh: {"tanh", pointwiseTanh}, Sigmoid: {"sigmoid", pointwiseSigmoid},
	ELU: {"elu", pointwiseELU}, GELU: {"gelu", pointwiseGELU}, Swish: {"swish", pointwiseSwish},
	reluBackward: {"relu backward", pointwiseReLUBackward}, tanhBackward: {"tanh backward", pointwiseTanhBackward},
	sigmoidBackward: {"sigmoid backward", pointwiseSigmoidBackward}, eluBackward: {"elu backward", pointwiseELUBackward},
	geluBackward: {"gelu backward", pointwiseGELUBackward}, swishBackward: {"swish backward", pointwiseSwishBackward},
}

func (m PointwiseMode) known() bool      { return m >= Add && m <= swishBackward }
func (m PointwiseMode) binary() bool     { return m >= Add && m <= Greater }
func (m PointwiseMode) activation() bool { return m >= ReLU && m <= Swish }
func (m PointwiseMode) backward() bool   { return m >= reluBackward && m <= swishBackward }

func (m PointwiseMode) String() string {
	if !m.known() {
		return fmt.Sprintf("PointwiseMode(%d)", uint8(m))
	}
	return pointwiseModes[m].name
}

// Pointwise is a node of one element at a time, in F32: Y = mode(X), Y = mode(X, B), where a
// dimension of size 1 is repeated, or, for the gradient of an activation, Y = B * activation'(X).
type Pointwise struct {
	Mode    PointwiseMode
	X, B, Y Ref
}

// Add computes x + b; a dimension of b that is 1 is repeated.
func (g *Graph) Add(x, b Ref) Ref { return g.Pointwise(Add, x, b) }

// Mul computes x * b; a dimension of b that is 1 is repeated: PerChannel scales channels, PerImage
// images.
func (g *Graph) Mul(x, b Ref) Ref { return g.Pointwise(Mul, x, b) }

// ReLU computes max(x, 0).
func (g *Graph) ReLU(x Ref) Ref { return g.Activation(ReLU, x) }

// Identity copies x. cuDNN converts types there, and looks for other engines.
func (g *Graph) Identity(x Ref) Ref { return g.Pointwise(Identity, x, 0) }

// Activation computes mode(x): ReLU, Tanh, Sigmoid, ELU (x or e^x-1), GELU (x*Φ(x)), Swish
// (x*sigmoid(x)).
func (g *Graph) Activation(mode PointwiseMode, x Ref) Ref {
	if !mode.activation() {
		g.fail("Activation: %v is none", mode)
	}
	return g.Pointwise(mode, x, 0)
}

// ActivationBackward computes dy * mode'(x), where x is the activation's input; for ReLU its output
// serves as well.
func (g *Graph) ActivationBackward(mode PointwiseMode, dy, x Ref) Ref {
	if !mode.activation() {
		g.fail("ActivationBackward: %v is none", mode)
		return 0
	}
	return g.Pointwise(mode+reluBackward-ReLU, x, dy)
}

// Pointwise computes mode(x) or mode(x, b); b is 0 for the modes of one operand.
func (g *Graph) Pointwise(mode PointwiseMode, x, b Ref) Ref {
	if !mode.known() {
		g.fail("%v is no mode", mode)
		return 0
	}
	refs := []Ref{x}
	if b != 0 {
		refs = append(refs, b)
	}
	t, ok := g.need(mode.String(), refs...)
	if !ok {
		return 0
	}
	dims := append([]int64(nil), t[0].Dims...)
	if b != 0 {
		for i := range min(len(dims), len(t[1].Dims)) {
			dims[i] = max(dims[i], t[1].Dims[i])
		}
	}
	like := t[0].TensorDesc
	if b != 0 && t[1].Elements() > t[0].Elements() {
		like = t[1].TensorDesc
	}
	y := g.virtual(mode.String()+"("+t[0].Name+")", dims, like)
	g.Nodes = append(g.Nodes, &Pointwise{Mode: mode, X: x, B: b, Y: y})
	return y
}

func (n *Pointwise) op() string { return n.Mode.String() }

func (n *Pointwise) reads() []Ref {
	if n.B != 0 {
		return []Ref{n.X, n.B}
	}
	return []Ref{n.X}
}

func (n *Pointwise) writes() []Ref { return []Ref{n.Y} }

func (n *Pointwise) check(g *Graph) error {
	if !n.Mode.known() {
		return fmt.Errorf("no such mode")
	}
	if two := n.Mode.binary() || n.Mode.backward(); two != (n.B != 0) {
		return fmt.Errorf("one operand, or two, whichever it is not")
	}
	y := g.at(n.Y)
	for _, r := range n.reads() {
		t := g.at(r)
		if len(t.Dims) != len(y.Dims) {
			return fmt.Errorf("%s has %d dimensions, %s %d", t.Name, len(t.Dims), y.Name, len(y.Dims))
		}
		for i, d := range t.Dims {
			if d != y.Dims[i] && d != 1 {
				return fmt.Errorf("%s %v cannot be repeated to %v", t.Name, t.Dims, y.Dims)
			}
		}
	}
	return nil
}

func (n *Pointwise) lower(l *lowering) spec {
	pw := l.add(spec{descPointwise, []attr{
		{attrPointwiseMode, typePointwiseMode, pointwiseModes[n.Mode].code},
		{attrPointwisePrec, typeDataType, int32(dataFloat)},
	}})
	a := []attr{{attrPointwiseDesc, typeDescriptor, ref(pw)}, {attrPointwiseX, typeDescriptor, l.tensor(n.X)}}
	switch {
	case n.Mode.backward():
		a = append(a, attr{attrPointwiseDY, typeDescriptor, l.tensor(n.B)}, attr{attrPointwiseDX, typeDescriptor, l.tensor(n.Y)})
	default:
		a = append(l.optional(a, attrPointwiseB, n.B), attr{attrPointwiseY, typeDescriptor, l.tensor(n.Y)})
	}
	return spec{descOpPointwise, a}
}
