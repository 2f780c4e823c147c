package bench

import (
	"strings"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine/gpu"
)

// BenchmarkCardOwnConv times every distinct convolution of the nets' steps with the view in front
// of it and the statistics behind it, by the card's events: our one kernel for them, and theirs
// with the fastest of cuDNN's engines. It reports TFLOP/s and per cent of the peak of the card's
// tensor cores. Each pair runs in turn in one process.
func BenchmarkCardOwnConv(b *testing.B) {
	c := openCard(b)
	eachTensorList(b, func(net, precision string, l *gpu.List, convs map[string]cardConv) {
		seen := map[string]bool{}
		for i, o := range l.Ops {
			own, apart, err := l.OwnConv(i)
			if err != nil {
				b.Fatal(err)
			}
			if own == nil {
				continue
			}
			f := o.(*gpu.Conv)
			conv := convs[describe(l, f.Call, f.X, f.Y)+"/forward"]
			var parts []string
			for _, k := range apart {
				parts = append(parts, k.Entry)
			}
			name := net + "/" + precision + "/" + strings.TrimSuffix(conv.name, "/forward") + "/" + strings.Join(parts, "+")
			if seen[name] {
				continue
			}
			seen[name] = true
			b.Run(name+"/ours", func(b *testing.B) { c.benchFused(b, l, nil, []*kernels.Kernel{own}, &conv, precision) })
			b.Run(name+"/apart", func(b *testing.B) { c.benchFused(b, l, &conv, apart, &conv, precision) })
		}
	})
}

// benchFused times kernels and, if there is one, the library's convolution, one after the other.
func (c *card) benchFused(b *testing.B, l *gpu.List, library *cardConv, ks []*kernels.Kernel, conv *cardConv, precision string) {
	c.here(b)
	const norm = 1 << 20 // bytes, more than a norm's arrays or indexes have
	large := int64(0)    // bytes of the largest activation
	for _, t := range l.Plan.Buffers {
		large = max(large, int64(l.Batch*t.H*t.W*((t.C+7)/8*8)*l.Type.Size()))
	}
	var runs []func(*cuda.Stream) error
	for _, k := range ks {
		ptrs := map[string]cuda.Ptr{}
		for _, a := range k.Args {
			size := int64(norm)
			switch a.Name {
			case "x", "y", "view":
				size = large
			case "w":
				size = conv.w.Bytes()
			case "partial":
				size = 4*int64(k.Scratch(l.Batch)) + 16
			}
			if a.Kind == kernels.Pointer {
				ptrs[a.Name] = c.memory(b, size)
			}
		}
		runs = append(runs, c.bind(b, k, l.Batch, ptrs, map[string]int{"n": l.Batch}).Run)
	}
	if library != nil {
		run, _ := c.fastest(b, library)
		runs = append(runs, run)
	}
	s := c.seconds(b, func(s *cuda.Stream) error {
		for _, run := range runs {
			if err := run(s); err != nil {
				return err
			}
		}
		return nil
	}, b.Loop)
	c.reportConv(b, conv, precision, s)
}
