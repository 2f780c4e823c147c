package cudnn_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// TestMain gives the tests the emulator on a machine without a card. A process that asks the real
// library without a card must not see the emulator.
func TestMain(m *testing.M) {
	if os.Getenv("SHAKE_NVIDIA") != "" {
		emu.WithoutExamples("SHAKE_NVIDIA: this process asks the real library, without a card")
		os.Exit(m.Run())
	}
	emu.Main(m)
}

// card is a card, emulated or not, with a context, a stream and a handle.
type card struct {
	t    testing.TB
	what string // the name of the operation under test
	ctx  *cuda.Context
	s    *cuda.Stream
	h    *cudnn.Handle
}

func open(t testing.TB) *card {
	t.Helper()
	if os.Getenv("SHAKE_NVIDIA") != "" {
		t.Skip("SHAKE_NVIDIA: this process asks the real library, without a card")
	}
	emu.Require(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	devices, err := cuda.Devices()
	if err != nil {
		t.Fatal(err)
	}
	c := &card{t: t}
	if c.ctx, err = devices[0].Primary(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.check(c.ctx.Close()) })
	c.check(c.ctx.SetCurrent())
	if c.s, err = c.ctx.NewStream(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.check(c.s.Close()) })
	if c.h, err = cudnn.New(c.ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.check(c.h.Close()) })
	c.check(c.h.SetStream(c.s))
	return c
}

func (c *card) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Error(err)
	}
}

// tensor is a tensor on the card beside its values, dense in the order of Dims.
type tensor struct {
	cudnn.TensorDesc
	v   []float64
	mem *cuda.Memory
	off int64 // of the first element, in bytes
	raw []byte
}

// ptr is the address of the first element.
func (x *tensor) ptr() cuda.Ptr { return x.mem.Ptr() + cuda.Ptr(x.off) }

// put makes a tensor of v, rounded to d's type. The gaps between its elements hold a pattern that
// get checks.
func (c *card) put(d cudnn.TensorDesc, v []float64) *tensor {
	c.t.Helper()
	x := &tensor{TensorDesc: d, v: make([]float64, len(v)), off: 64, raw: make([]byte, 64+d.Bytes()+64)}
	for i := range x.raw {
		x.raw[i] = 0xA5
	}
	d = x.TensorDesc
	for i := range v {
		x.v[i] = write(x.raw[x.off+at(d, i)*d.Type.Size():], d.Type, v[i])
	}
	mem, err := c.ctx.Alloc(int64(len(x.raw)))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.check(mem.Close()) })
	x.mem = mem
	c.check(c.s.CopyToDevice(mem.Ptr(), x.raw))
	c.check(c.s.Synchronize())
	return x
}

// get reads a tensor back and checks that only its elements changed.
func (c *card) get(x *tensor) []float64 {
	c.t.Helper()
	have := make([]byte, len(x.raw))
	c.check(c.s.CopyToHost(have, x.mem.Ptr()))
	c.check(c.s.Synchronize())
	v := make([]float64, len(x.v))
	size := x.Type.Size()
	for i := range v {
		p := x.off + at(x.TensorDesc, i)*size
		v[i] = read(have[p:], x.Type)
		copy(have[p:p+size], x.raw[p:])
	}
	for i := range have {
		if have[i] != x.raw[i] {
			c.t.Errorf("%s: byte %d, outside the elements, changed", c.what, int64(i)-x.off)
			break
		}
	}
	return v
}

// at is the position of element i of the dense order, in elements.
func at(d cudnn.TensorDesc, i int) int64 {
	p, r := int64(0), int64(i)
	for k := len(d.Dims) - 1; k >= 0; k-- {
		p += r % d.Dims[k] * d.Strides[k]
		r /= d.Dims[k]
	}
	return p
}

// write stores v rounded to nearest, ties to even, and returns the stored value.
func write(b []byte, t cudnn.DataType, v float64) float64 {
	f := float32(v)
	switch t {
	case cudnn.F32:
		binary.LittleEndian.PutUint32(b, math.Float32bits(f))
	case cudnn.BF16:
		u := math.Float32bits(f)
		u += 0x7FFF + u>>16&1
		binary.LittleEndian.PutUint16(b, uint16(u>>16))
	case cudnn.F16:
		binary.LittleEndian.PutUint16(b, half(v))
	case cudnn.I8:
		b[0] = byte(int8(v))
	}
	return read(b, t)
}

func read(b []byte, t cudnn.DataType) float64 {
	switch t {
	case cudnn.F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case cudnn.BF16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	case cudnn.F16:
		u := binary.LittleEndian.Uint16(b)
		sign, e, m := 1-2*float64(u>>15), int(u>>10&31), float64(u&1023)
		if e == 0 {
			return sign * math.Ldexp(m, -24)
		}
		if e == 31 {
			return sign * math.Inf(1) * (1 - min(m, 1)*2) // an infinity if m is 0, else of no meaning
		}
		return sign * math.Ldexp(1024+m, e-25)
	case cudnn.I8:
		return float64(int8(b[0]))
	}
	return math.NaN()
}

// half rounds to a half-precision number; values are small enough for it.
func half(v float64) uint16 {
	var sign uint16
	if math.Signbit(v) {
		sign, v = 1<<15, -v
	}
	if v == 0 {
		return sign
	}
	e := max(math.Ilogb(v), -14)
	m := math.RoundToEven(math.Ldexp(v, 10-e))
	return sign + uint16(int(m)+(e+14)<<10)
}

// random fills n values in [-1, 1).
func random(r *rand.Rand, n int64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 2*r.Float64() - 1
	}
	return v
}

// epsilon is half the distance between neighbours around 1, per storage type: the relative error of
// a correctly rounded result.
var epsilon = map[cudnn.DataType]float64{cudnn.F32: 1.0 / (1 << 24), cudnn.F16: 1.0 / (1 << 11), cudnn.BF16: 1.0 / (1 << 8)}

// compare requires |have - want| <= the rounding of want to the output's type + the rounding of
// sums of n terms in F32, where scale is Σ|term|.
func (c *card) compare(name string, t cudnn.DataType, have, want, scale []float64) {
	c.t.Helper()
	worst, place := 0.0, 0
	for i := range want {
		allowed := 1.01*epsilon[t]*math.Abs(want[i]) + 4e-6*scale[i] + 1e-7
		if e := math.Abs(have[i]-want[i]) / allowed; !(e <= worst) {
			worst, place = e, i
		}
	}
	if !(worst <= 1) {
		c.t.Errorf("%s %s: element %d is %g, want %g, %.2g times what rounding allows", c.what, name, place, have[place], want[place], worst)
	}
}

// work is a workspace for p.
func (c *card) work(p *cudnn.Plan) cuda.Ptr {
	c.t.Helper()
	mem, err := c.ctx.Alloc(p.Workspace() + 256)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.check(mem.Close()) })
	return mem.Ptr()
}

// run plans, runs and waits. It reports and returns false where the operation is not supported.
func (c *card) run(name string, g *cudnn.Graph, o []cudnn.Option, tensors ...*tensor) bool {
	c.t.Helper()
	p, err := c.h.Plan(g, o...)
	if errors.Is(err, cudnn.ErrNotSupported) {
		c.t.Logf("%s %s: %v", c.what, name, err)
		return false
	}
	if err != nil {
		c.t.Errorf("%s %s: %v", c.what, name, err)
		return false
	}
	defer func() { c.check(p.Close()) }()
	ptrs := make([]cuda.Ptr, len(tensors))
	for i, x := range tensors {
		ptrs[i] = x.ptr()
	}
	if err := p.Run(c.work(p), ptrs...); err != nil {
		c.t.Errorf("%s %s: %v", c.what, name, err)
		return false
	}
	c.check(c.s.Synchronize())
	return true
}
