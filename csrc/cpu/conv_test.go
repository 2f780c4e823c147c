package cpu

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomSpec is any convolution with few enough products for the reference.
func randomSpec(r *rand.Rand) ConvSpec {
	for {
		pick := func(of ...int) int { return of[r.IntN(len(of))] }
		s := ConvSpec{N: 1 + r.IntN(5), XC: 1 + r.IntN(50), H: 1 + r.IntN(14), W: pick(1, 2, 5, 7, 8, 13, 16, 29), Stride: pick(1, 1, 2, 3)}
		s.P, s.Q = (s.H+s.Stride-1)/s.Stride, (s.W+s.Stride-1)/s.Stride
		if r.IntN(4) == 0 {
			s.P, s.Q = 1+r.IntN(9), 1+r.IntN(9)
		}
		off := 0
		for range 1 + r.IntN(4) {
			p := ConvPart{WOff: off, YOff: s.YC, Groups: pick(1, 1, 1, 2, 3), R: pick(1, 3, 3, 2, 5), PadH: r.IntN(3), PadW: r.IntN(3)}
			p.S = pick(p.R, p.R, 1, 3)
			p.C = p.Groups * (1 + r.IntN(max(1, s.XC/p.Groups)))
			p.K = p.Groups * pick(1, 3, 8, 16, 20, 32)
			if p.C > s.XC {
				p.C, p.Groups = s.XC, 1
			}
			p.XOff = r.IntN(s.XC - p.C + 1)
			off += p.K*p.C/p.Groups*p.R*p.S + r.IntN(3)
			s.YC += p.K
			s.Parts = append(s.Parts, p)
		}
		products := 0
		for _, p := range s.Parts {
			products += s.N * s.P * s.Q * p.K * p.C / p.Groups * p.R * p.S
		}
		if products < 2_000_000 && s.check() == nil {
			return s
		}
	}
}

// namedSpecs are the shapes that networks have: the stem, a merged first conv with a two-flow skip,
// two branches grouped, a ResNeXt block.
var namedSpecs = map[string]ConvSpec{
	"stem":  {N: 3, XC: 3, H: 32, W: 32, YC: 16, P: 32, Q: 32, Stride: 1, Parts: []ConvPart{{C: 3, K: 16, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1}}},
	"group": {N: 9, XC: 64, H: 8, W: 8, YC: 64, P: 8, Q: 8, Stride: 1, Parts: []ConvPart{{C: 64, K: 64, Groups: 2, R: 3, S: 3, PadH: 1, PadW: 1}}},
	"twoflow": {N: 4, XC: 16, H: 16, W: 16, YC: 96, P: 8, Q: 8, Stride: 2, Parts: []ConvPart{
		{C: 16, K: 64, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1},
		{WOff: 9216, C: 16, YOff: 64, K: 16, Groups: 1, R: 1, S: 1},
		{WOff: 9472, C: 16, YOff: 80, K: 16, Groups: 1, R: 1, S: 1, PadH: 1, PadW: 1}}},
	"pointwise": {N: 32, XC: 64, H: 8, W: 8, YC: 64, P: 4, Q: 4, Stride: 2, Parts: []ConvPart{{C: 64, K: 64, Groups: 4, R: 1, S: 1}}},
	"chunks":    {N: 40, XC: 16, H: 8, W: 8, YC: 16, P: 8, Q: 8, Stride: 1, Parts: []ConvPart{{C: 16, K: 16, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1}}},
	"depthwise": {N: 2, XC: 24, H: 9, W: 9, YC: 24, P: 9, Q: 9, Stride: 1, Parts: []ConvPart{{C: 24, K: 24, Groups: 24, R: 3, S: 3, PadH: 1, PadW: 1}}},
}

// testConv holds one convolution against the reference and against itself with other numbers of
// workers.
func testConv(t *testing.T, spec ConvSpec, n int, seed uint64) {
	var want uint64
	for workers := 1; workers <= 3; workers++ {
		c := newConvCase(t, spec, n, workers, seed)
		dw := c.run()
		c.floats = append(c.floats, dw)
		have := c.check()
		if workers == 1 {
			c.checkAgainstReference(dw)
			want = have
		} else if have != want {
			t.Errorf("%d workers give other bits than one", workers)
		}
		c.checkUntouched()
		c.checkFused()
		c.a.Close()
		c.p.Close()
		if t.Failed() {
			t.Fatalf("spec %+v, n=%d, seed %d", spec, n, seed)
		}
	}
}

func TestConv(t *testing.T) {
	everyISA(t, func(t *testing.T) {
		for name, spec := range namedSpecs {
			t.Run(name, func(t *testing.T) {
				for seed := range uint64(3) {
					spec.transform = seed > 0 // and the program's own choice
					testConv(t, spec, spec.N-int(seed)%spec.N, seed)
				}
			})
		}
	})
}

func TestConvRandomGeometry(t *testing.T) {
	count := uint64(40)
	if testing.Short() {
		count = 15
	}
	everyISA(t, func(t *testing.T) {
		for seed := range count {
			r := rand.New(rand.NewPCG(seed, 0))
			spec := randomSpec(r)
			testConv(t, spec, 1+r.IntN(spec.N), seed)
		}
	})
}

// Mistakes in a convolution's operands are found before a kernel indexes by them.
func TestConvMistakes(t *testing.T) {
	f := newFixture(t, 1, 1)
	defer f.p.Close()
	defer f.a.Close()
	f.h, f.w, f.maxN = 6, 5, 2
	conv, err := NewConv(f.p, ConvSpec{N: 2, XC: 32, H: 6, W: 5, YC: 16, P: 6, Q: 5, Stride: 1, Parts: []ConvPart{part(32, 16, 1, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	x, y, wide := f.tensor(32), f.tensor(16), f.tensor(40)
	in, dy := View{T: x, C: 32}, []Grad{{G: y, C: 16}}
	f.h = 5
	low := f.tensor(16)
	three := NewBatch(f.p, 3, 1)
	three.Set(3)
	for want, bind := range map[string]func(){
		"want 32":                    func() { conv.ForwardOp(View{T: y, C: 16}, y, nil) },
		"not whole blocks":           func() { conv.ForwardOp(View{T: wide, Off: 4, C: 32}, y, nil) },
		"want 6×5":                   func() { conv.ForwardOp(in, low, nil) },
		"no norm":                    func() { conv.ForwardOp(in, y, []Stats{{}}) },
		"gradients of 32 channels":   func() { conv.BackwardOp(in, []Grad{dy[0], dy[0]}, nil, nil) },
		"residual: 16 channels":      func() { conv.BackwardOp(in, dy, &ConvDX{G: x, Residual: &dy[0]}, nil) },
		"channels 16 to 48 of 40":    func() { conv.BackwardOp(in, dy, &ConvDX{G: wide, Off: 16}, nil) },
		"a batch of 3 images":        func() { conv.ForwardOp(in, y, nil).Run(three) },
		"1 floats, want at least 46": func() { conv.Pack(make([]float32, 1)) },
	} {
		func() {
			defer func() {
				if have := fmt.Sprint(recover()); !strings.Contains(have, want) {
					t.Errorf("have %q, want a panic about %q", have, want)
				}
			}()
			bind()
		}()
	}
}
