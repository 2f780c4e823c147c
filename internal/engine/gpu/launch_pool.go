package gpu

import (
	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// pool describes a pool of maps of x.
func (l *List) pool(o *graph.Pool, x Part) kernels.PoolSpec {
	return kernels.PoolSpec{Shape: l.shape(x.Buf), Max: o.Max, R: o.R, S: o.S, Stride: o.Stride, Pad: o.Pad}
}

func (l *List) poolLaunch(o *Pool) (*Launch, error) {
	y := l.whole(o.Y)
	of := l.operands(o.X, y)
	spec := l.pool(o.Op, o.X)
	spec.X, spec.Y = of.part(o.X), of.part(y)
	return launch(spec, map[string]Arg{"x": buffer(o.X.Buf), "y": buffer(o.Y)})
}

func (l *List) poolGradLaunch(o *PoolGrad) (*Launch, error) {
	dy, dx := l.whole(o.DY), l.whole(o.DX)
	of := l.operands(o.X, dy, dx)
	spec := kernels.PoolGradSpec{PoolSpec: l.pool(o.Op, o.X), DY: of.part(dy), DX: of.part(dx)}
	spec.X = of.part(o.X)
	named := map[string]Arg{"dy": buffer(o.DY), "dx": buffer(o.DX)}
	if o.Op.Max {
		named["x"] = buffer(o.X.Buf)
	}
	return launch(spec, named)
}

// dropLaunch is a copy in evaluation.
func (l *List) dropLaunch(o *Drop, m mode) (*Launch, error) {
	if m == evaluation {
		return l.copyLaunch(&Copy{X: o.X, Y: l.whole(o.Y), Back: o.Back}, m)
	}
	y := l.whole(o.Y)
	of := l.operands(o.X, y)
	return launch(kernels.DropoutSpec{Shape: l.shape(o.Y), X: of.part(o.X), Y: of.part(y), Channels: o.X.C,
		Rate: o.Op.Rate, Threshold: engine.DropThreshold(o.Op.Rate), Index: o.Op.Index},
		map[string]Arg{"x": buffer(o.X.Buf), "y": buffer(o.Y)})
}

// copyLaunch writes every lane behind X's in Y.
func (l *List) copyLaunch(o *Copy, m mode) (*Launch, error) {
	if o.Back && m == evaluation {
		return nil, nil
	}
	exact := operands{l, false}
	y := exact.part(o.Y)
	y.C = round(y.Off+y.C) - y.Off
	return launch(kernels.WidenSpec{Shape: l.shape(o.Y.Buf), X: exact.part(o.X), Y: y},
		map[string]Arg{"x": buffer(o.X.Buf), "y": buffer(o.Y.Buf)})
}
