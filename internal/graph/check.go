package graph

import "fmt"

// Check reports whether g keeps the invariants that passes and engines rely on; nil says it does.
// It takes any graph, primitive or fused, however broken, and never panics. The error is an *Error
// that names the operation.
//
//   - Every reference lies within a value that an earlier operation wrote, or Input; every value
//     but Input is written once and read.
//   - Conv: parts cover Y's channels in order, read within X, agree with their weights' shape, and
//     every window lies within the padded input.
//   - Norm: parts cover X's channels in order. Elementwise ops keep the shape; Join's operands have
//     Y's shape.
//   - Every parameter is used once; every block is joined once; names of values and of parameters
//     are unique.
//   - A virtual value is written by a Norm or ReLU from a stored value, and read by Conv, Join,
//     Correlate and Head only.
//   - Head comes last.
func Check(g *Graph) error {
	c := &checker{g: g, written: make([]bool, len(g.Values)), read: make([]bool, len(g.Values)),
		used: make([]bool, len(g.Params)), joined: make([]bool, len(g.Blocks)), elementwise: make([]bool, len(g.Values))}
	if err := c.tables(); err != nil {
		return err
	}
	for i, op := range g.Ops {
		c.where = fmt.Sprintf("op %d", i)
		if err := c.op(op, i == len(g.Ops)-1); err != nil {
			return err
		}
	}
	return c.leftovers()
}

type checker struct {
	g           *Graph
	where       string
	written     []bool // values
	read        []bool
	elementwise []bool // written by Norm or ReLU from a stored value
	used        []bool // params
	joined      []bool // blocks
}

func (c *checker) errorf(format string, args ...any) error { return errorf(c.where, format, args...) }

// tables checks values and parameters by themselves.
func (c *checker) tables() error {
	g := c.g
	if g.Input < 0 || int(g.Input) >= len(g.Values) {
		return errorf("input", "value %d is not one of the %d values", g.Input, len(g.Values))
	}
	if g.Values[g.Input].Virtual {
		return errorf("input", "the input cannot be virtual")
	}
	c.written[g.Input] = true
	values := map[string]bool{}
	for _, v := range g.Values {
		if v.C < 1 || v.H < 1 || v.W < 1 {
			return errorf(v.Name, "want a shape of 1x1x1 or more, have %s", shape(v))
		}
		if values[v.Name] {
			return errorf(v.Name, "two values have this name")
		}
		values[v.Name] = true
	}
	params := map[string]bool{}
	for _, p := range g.Params {
		if params[p.Name] {
			return errorf(p.Name, "two parameters have this name")
		}
		params[p.Name] = true
	}
	if len(g.Ops) == 0 {
		return errorf("ops", "the graph is empty")
	}
	return nil
}

func (c *checker) leftovers() error {
	for i, v := range c.g.Values {
		switch {
		case !c.written[i]:
			return errorf(v.Name, "no operation writes this value")
		case !c.read[i]:
			return errorf(v.Name, "no operation reads this value")
		case v.Virtual && !c.elementwise[i]:
			return errorf(v.Name, "a virtual value must be written by a norm or relu from a stored one")
		}
	}
	for i, p := range c.g.Params {
		if !c.used[i] {
			return errorf(p.Name, "no operation uses this parameter")
		}
	}
	for i, b := range c.g.Blocks {
		if !c.joined[i] {
			return errorf(b.Name, "no join sums this block")
		}
	}
	return nil
}

func (c *checker) op(op Op, last bool) error {
	if _, head := op.(*Head); head != last {
		return c.errorf("want the head as the last operation and nowhere else, have %T", op)
	}
	if y := outputOf(op); y != nil {
		if *y < 0 || int(*y) >= len(c.g.Values) {
			return c.errorf("writes value %d of %d", *y, len(c.g.Values))
		}
		c.where += " " + c.g.Values[*y].Name
		if c.written[*y] {
			return c.errorf("the value is already written")
		}
	}
	for _, r := range Inputs(op) {
		if err := c.ref(r, op); err != nil {
			return err
		}
	}
	var err error
	switch o := op.(type) {
	case *Conv:
		err = c.conv(o)
	case *Norm:
		err = c.norm(o)
	case *ReLU:
		err = c.same(o.X, o.Y)
		c.elementwise[o.Y] = !c.g.Values[o.X.Value].Virtual
	case *Pool:
		err = c.pool(o)
	case *Dropout:
		if !(o.Rate > 0 && o.Rate < 1) || o.Index < 0 {
			return c.errorf("want a rate between 0 and 1 and an index of 0 or more, have %v and %d", o.Rate, o.Index)
		}
		err = c.same(o.X, o.Y)
	case *Widen:
		err = c.widen(o)
	case *Subsample:
		err = c.subsample(o)
	case *Concat:
		err = c.concat(o)
	case *Join:
		err = c.join(o)
	case *Correlate:
		err = c.correlate(o)
	case *Head:
		err = c.head(o)
	default:
		err = c.errorf("unknown operation %T", op)
	}
	if y := outputOf(op); y != nil {
		c.written[*y] = true
	}
	return err
}

// ref checks one input and marks it read.
func (c *checker) ref(r Ref, op Op) error {
	if r.Value < 0 || int(r.Value) >= len(c.g.Values) {
		return c.errorf("reads value %d of %d", r.Value, len(c.g.Values))
	}
	v := c.g.Values[r.Value]
	if !c.written[r.Value] {
		return c.errorf("reads %s, which no earlier operation writes", v.Name)
	}
	if r.Off < 0 || r.C < 1 || r.C > v.C || r.Off > v.C-r.C {
		return c.errorf("reads channels [%d:%d] of %s, which has %d", r.Off, r.Off+r.C, v.Name, v.C)
	}
	c.read[r.Value] = true
	if v.Virtual {
		switch op.(type) {
		case *Conv, *Join, *Correlate, *Head:
		default:
			return c.errorf("reads %s, which is virtual, but only conv, join, correlate and head can recompute it", v.Name)
		}
	}
	return nil
}

// param marks a parameter used and checks its shape.
func (c *checker) param(p ParamID, want ...int) error {
	if p < 0 || int(p) >= len(c.g.Params) {
		return c.errorf("uses parameter %d of %d", p, len(c.g.Params))
	}
	if c.used[p] {
		return c.errorf("uses %s a second time", c.g.Params[p].Name)
	}
	c.used[p] = true
	if have := c.g.Params[p].Shape; fmt.Sprint(have) != fmt.Sprint(want) {
		return c.errorf("%s: want shape %v, have %v", c.g.Params[p].Name, want, have)
	}
	return nil
}

// same checks that y has the shape of the channels of x.
func (c *checker) same(x Ref, y ValueID) error {
	v, have := c.g.Values[x.Value], c.g.Values[y]
	v.C = x.C
	if shape(v) != shape(have) {
		return c.errorf("want shape %s, have %s", shape(v), shape(have))
	}
	return nil
}

func shape(v Value) string { return fmt.Sprintf("%dx%dx%d", v.C, v.H, v.W) }
