package gpu

import (
	"errors"
	"fmt"
	"math"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// hostState is all state that training changes, in host memory and in the device's layout.
type hostState struct {
	w, v    []float32 // laid out by Params
	average []float32 // of the weights; nil: none
	// by NormID: mean, then variance, of every replica and channel with its lanes
	running [][]float32
	scaler  kernels.Scaler
}

// lossScale is a tensor of a state in fp16: the loss scale, and the steps since it changed. No
// other precision and no other engine has it.
const lossScale = engine.Own + "loss_scale"

// firstScale is the loss scale at the start.
const firstScale = 65536

// fresh is the initial state of a program: momentum and means 0, variances 1, and in fp16 the first
// loss scale.
func (l *List) fresh() *hostState {
	h := &hostState{w: make([]float32, l.Params.Floats), v: make([]float32, l.Params.Floats), scaler: kernels.Scaler{Scale: 1, Inverse: 1}}
	if l.Recipe.Average {
		h.average = make([]float32, l.Params.Floats)
	}
	if l.Type == kernels.F16 {
		h.scaler = kernels.Scaler{Scale: firstScale, Inverse: 1.0 / firstScale}
	}
	for id := range l.Plan.Norms {
		n := l.Replicas * l.normWidth(engine.NormID(id))
		r := make([]float32, 2*n)
		for i := n; i < 2*n; i++ {
			r[i] = 1
		}
		h.running = append(h.running, r)
	}
	return h
}

// flats are the arrays that Params lays out.
func (h *hostState) flats() [][]float32 {
	if h.average == nil {
		return [][]float32{h.w, h.v}
	}
	return [][]float32{h.w, h.v, h.average}
}

// runningAt is the index of replica r's mean of a BN layer in the running statistics of its norm.
// The variance stands half of the array further.
func (l *List) runningAt(part engine.NormLayer, r int) int {
	return r*l.normWidth(part.Norm) + part.Off
}

// slots copies h to PyTorch's layout, in the order of engine.Program.State.
func (l *List) slots(h *hostState, order []engine.NormLayer) []engine.Slot[float32] {
	var out []engine.Slot[float32]
	add := func(name string, shape []int, data []float32) {
		out = append(out, engine.Slot[float32]{Name: name, Shape: shape, Data: data})
	}
	for i, flat := range h.flats() {
		for id, p := range l.Plan.Graph.Params {
			data := make([]float32, p.Elements())
			l.transpose(id, func(torch, own int) { data[torch] = flat[own] })
			add([]string{"", "momentum/", engine.Average}[i]+p.Name, p.Shape, data)
		}
	}
	for r := range l.Replicas {
		for _, part := range order {
			run := h.running[part.Norm]
			at, half := l.runningAt(part, r), len(run)/2
			name := fmt.Sprintf("replica%d/%s", l.first()+r, part.Name)
			add(name+".running_mean", []int{part.C}, append([]float32(nil), run[at:at+part.C]...))
			add(name+".running_var", []int{part.C}, append([]float32(nil), run[half+at:half+at+part.C]...))
		}
	}
	if l.Type == kernels.F16 {
		add(lossScale, []int{2}, []float32{h.scaler.Scale, float32(h.scaler.Good)})
	}
	return out
}

// take copies slots back into h: the inverse of slots.
func (l *List) take(h *hostState, order []engine.NormLayer, slots []engine.Slot[float32]) {
	for _, flat := range h.flats() {
		for id := range l.Plan.Graph.Params {
			data := slots[0].Data
			l.transpose(id, func(torch, own int) { flat[own] = data[torch] })
			slots = slots[1:]
		}
	}
	for r := range l.Replicas {
		for _, part := range order {
			run := h.running[part.Norm]
			at, half := l.runningAt(part, r), len(run)/2
			copy(run[at:], slots[0].Data)
			copy(run[half+at:], slots[1].Data)
			slots = slots[2:]
		}
	}
	if l.Type == kernels.F16 {
		scale, good := slots[0].Data[0], slots[0].Data[1]
		h.scaler = kernels.Scaler{Scale: scale, Inverse: 1 / scale, Good: uint32(good)}
	}
}

// checkScale refuses an impossible loss scale.
func checkScale(ts []engine.Tensor) error {
	for _, t := range ts {
		if t.Name == lossScale && len(t.F32) == 2 && !(t.F32[0] > 0 && t.F32[0] <= math.MaxFloat32 && t.F32[1] >= 0 && t.F32[1] < 1<<24) {
			return fmt.Errorf("gpu: setting state: %s: want a positive scale and a number of steps, have %v", t.Name, t.F32)
		}
	}
	return nil
}

// transpose calls f with the two indexes of every element of a parameter: in PyTorch's order and in
// the flat arrays. Convolution weights are K C R S there and K R S C here; all other parameters
// have the same order.
func (l *List) transpose(id int, f func(torch, own int)) {
	shape, off := l.Plan.Graph.Params[id].Shape, l.Params.Offset[id]
	if len(shape) != 4 {
		for i := range int(l.Plan.Graph.Params[id].Elements()) {
			f(i, off+i)
		}
		return
	}
	c, r, s := shape[1], shape[2], shape[3]
	for k := range shape[0] {
		for i := range c {
			for t := range r * s {
				f((k*c+i)*r*s+t, off+(k*r*s+t)*c+i)
			}
		}
	}
}

// normIndex returns, for every channel of a norm, lanes included, the indexes of its scale and its
// shift among the parameters; -1 behind the last channel.
func (l *List) normIndex(id engine.NormID) (gamma, beta []int32) {
	gamma, beta = make([]int32, l.normWidth(id)), make([]int32, l.normWidth(id))
	for i := range gamma {
		gamma[i], beta[i] = -1, -1
	}
	for _, part := range l.Plan.Norms[id].Parts {
		for c := range part.C {
			gamma[part.Off+c] = int32(l.Params.Offset[part.Gamma] + c)
			beta[part.Off+c] = int32(l.Params.Offset[part.Beta] + c)
		}
	}
	return gamma, beta
}

// State implements engine.Program.
func (p *program) State() (ts []engine.Tensor, err error) {
	err = p.do(func() error {
		h, err := p.download()
		if err == nil {
			ts = engine.Snapshot(p.list.slots(h, p.order))
		}
		return err
	})
	return ts, err
}

// SetState implements engine.Program.
func (p *program) SetState(ts []engine.Tensor) error {
	if err := checkScale(ts); err != nil {
		return err
	}
	return p.do(func() error {
		h, err := p.download()
		if err != nil {
			return err
		}
		slots := p.list.slots(h, p.order)
		if err := engine.Restore(slots, ts); err != nil {
			return fmt.Errorf("gpu: %w", err)
		}
		p.list.take(h, p.order, slots)
		return p.setState(h)
	})
}

// download waits for the stream and copies the state.
func (p *program) download() (*hostState, error) {
	h := p.list.fresh()
	s := p.dev.streams[mainStream]
	down := func(dst []float32, src cuda.Ptr) error { return s.CopyToHost(cuda.Bytes(dst), src) }
	for i, flat := range h.flats() {
		if err := down(flat, p.dev.single[Weights+ArgKind(i)]); err != nil {
			return nil, err
		}
	}
	for id, r := range h.running {
		if err := down(r, p.dev.norms[Running-Norm][id]); err != nil {
			return nil, err
		}
	}
	b := make([]byte, kernels.ScalerSize)
	if err := errors.Join(s.CopyToHost(b, p.dev.single[LossScale]), s.Synchronize()); err != nil {
		return nil, err
	}
	h.scaler = getScaler(b)
	return h, nil
}

// setState copies h to the device, with the weights' copy in the storage type.
func (p *program) setState(h *hostState) error {
	s := p.dev.streams[mainStream]
	up := func(dst cuda.Ptr, src []float32) error { return s.CopyToDevice(dst, cuda.Bytes(src)) }
	if err := s.CopyToDevice(p.dev.single[LossScale], scalerBytes(h.scaler)); err != nil {
		return err
	}
	for i, flat := range h.flats() {
		if err := up(p.dev.single[Weights+ArgKind(i)], flat); err != nil {
			return err
		}
	}
	for id, r := range h.running {
		if err := up(p.dev.norms[Running-Norm][id], r); err != nil {
			return err
		}
	}
	if p.cast != nil {
		if err := p.launchOnce(p.cast); err != nil {
			return err
		}
	}
	return s.Synchronize()
}
