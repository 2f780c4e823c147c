package gpu

import (
	"encoding/binary"
	"math"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

// stepBytes is the size of a kernels.Step in front of the indexes of its images.
const stepBytes = 64

// putStep writes s as the kernels read it.
func putStep(b []byte, s kernels.Step) {
	le := binary.LittleEndian
	le.PutUint64(b, s.Seed)
	le.PutUint32(b[8:], s.Iteration)
	le.PutUint32(b[12:], s.Base)
	le.PutUint32(b[16:], s.Replica)
	le.PutUint32(b[20:], s.Images)
	le.PutUint32(b[24:], math.Float32bits(s.LR))
}

func scalerBytes(s kernels.Scaler) []byte {
	b := make([]byte, kernels.ScalerSize)
	le := binary.LittleEndian
	le.PutUint32(b, math.Float32bits(s.Scale))
	le.PutUint32(b[4:], math.Float32bits(s.Inverse))
	le.PutUint32(b[8:], s.Good)
	le.PutUint32(b[12:], s.Bad)
	return b
}

func getScaler(b []byte) kernels.Scaler {
	le := binary.LittleEndian
	return kernels.Scaler{
		Scale: math.Float32frombits(le.Uint32(b)), Inverse: math.Float32frombits(le.Uint32(b[4:])), Good: le.Uint32(b[8:]), Bad: le.Uint32(b[12:]),
	}
}

func putTotals(b []byte, t kernels.Totals) {
	le := binary.LittleEndian
	le.PutUint64(b, math.Float64bits(t.Loss))
	le.PutUint64(b[8:], uint64(t.Images))
	le.PutUint64(b[16:], uint64(t.Errors))
	le.PutUint64(b[24:], uint64(t.BadStep))
}

func getTotals(b []byte) kernels.Totals {
	le := binary.LittleEndian
	return kernels.Totals{
		Loss: math.Float64frombits(le.Uint64(b)), Images: int64(le.Uint64(b[8:])), Errors: int64(le.Uint64(b[16:])), BadStep: int64(le.Uint64(b[24:])),
	}
}

func getMoments(b []byte) (out []engine.Moments) {
	for ; len(b) > 0; b = b[kernels.MomentsSize:] {
		f := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])) }
		out = append(out, engine.Moments{N: int64(f(0)), A: f(1), B: f(2), AA: f(3), BB: f(4), AB: f(5)})
	}
	return out
}
