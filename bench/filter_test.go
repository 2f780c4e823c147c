package bench

import (
	"testing"

	"shake/cudnn"
	"shake/cudnn/cuda"
	"shake/internal/engine/gpu"
)

// BenchmarkCardFilter times every distinct weight gradient of the nets' steps by the card's events,
// with our kernel and with the fastest of cuDNN's engines for the same float32 result. It reports
// TFLOP/s and per cent of the peak of the card's tensor cores. Each pair runs in turn in one
// process.
func BenchmarkCardFilter(b *testing.B) {
	c := openCard(b)
	eachTensorList(b, func(net, precision string, l *gpu.List, convs map[string]cardConv) {
		for _, o := range l.Ops {
			f, ok := o.(*gpu.ConvFilter)
			if !ok {
				continue
			}
			name := describe(l, f.Call, f.X, f.DY) + "/dw"
			conv, ok := convs[name]
			if !ok {
				continue // a shape that is already timed
			}
			delete(convs, name)
			b.Run(net+"/"+precision+"/"+conv.name+"/ours", func(b *testing.B) { c.benchOwnFilter(b, l, f, &conv, precision) })
			b.Run(net+"/"+precision+"/"+conv.name+"/cudnn", func(b *testing.B) { c.benchConv(b, &conv, precision) })
		}
	})
}

// benchOwnFilter times the kernels of f, one after the other.
func (c *card) benchOwnFilter(b *testing.B, l *gpu.List, f *gpu.ConvFilter, conv *cardConv, precision string) {
	c.here(b)
	ks := must(l.OwnFilter(f, c.ctx.Device().SMs()))(b)
	if len(ks) == 0 {
		b.Skip("our kernel does not take it")
	}
	partial := 4 * int64(ks[0].Scratch(l.Batch))
	whole := func(d cudnn.TensorDesc) cuda.Ptr { return c.memory(b, d.Dims[0]*d.Strides[0]*d.Type.Size()) }
	ptrs := map[string]cuda.Ptr{"x": whole(conv.x), "dy": whole(conv.y), "dw": c.memory(b, f32(conv.w).Bytes()), "partial": c.memory(b, partial+16)}
	var calls []*cuda.Call
	for _, k := range ks {
		calls = append(calls, c.bind(b, k, l.Batch, ptrs, map[string]int{"n": l.Batch}))
	}
	s := c.seconds(b, func(s *cuda.Stream) error {
		for _, call := range calls {
			if err := call.Run(s); err != nil {
				return err
			}
		}
		return nil
	}, b.Loop)
	b.ReportMetric(float64(partial)/1e6, "MB-workspace")
	c.reportConv(b, conv, precision, s)
}
