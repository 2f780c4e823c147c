package enginetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"shake/internal/engine"
)

// deviations are mistakes of other implementations of the paper that a program shows. Mistakes in a
// network's structure, in draws and in the schedule are TestDeviation_... in package engine;
// mistakes of the loop are in package train.
var deviations = []check{
	{"PadBeforeNormalize", padBeforeNormalize},
	{"OneBNOverReplicas", oneBNOverReplicas},
	{"BNWithoutWeightDecay", bnWithoutWeightDecay},
	{"EvenInTrainingRandomInTest", evenInTrainingRandomInTest},
	{"MeanOverFullBatchSize", meanOverFullBatchSize},
	{"BatchDrawSharedByReplicas", batchDrawSharedByReplicas},
	{"EvalWithAnotherReplica", evalWithAnotherReplica},
	{"ClipOfEachReplica", clipOfEachReplica},
}

// padBeforeNormalize: images of the mean colour are zero after normalising, so zeros around them
// change nothing and any crop of them is the same. Black borders, padded before normalising, would
// show.
func padBeforeNormalize(t *testing.T, b engine.Backend) {
	loss := func(crop int) float64 {
		e := load(t, "shake-s-s", "data.mean=[100, 120, 140]", fmt.Sprintf("data.crop=%d", crop))
		for i := range e.train.Pix {
			e.train.Pix[i] = []byte{100, 120, 140}[i/1024%3]
		}
		return e.run(t, e.program(t, b), 0, 1)[0].Loss
	}
	if have, want := loss(4), loss(0); have != want {
		t.Errorf("images of the mean colour: want the loss %v of no crop at all, have %v", want, have)
	}
}

// oneBNOverReplicas: each replica's running mean of the stem is that of its own images.
func oneBNOverReplicas(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	e.run(t, p, 0, 1)
	_, two := state(t, p)
	alone := load(t, "shake-s-s", "train.replicas=1", "train.batch=3")
	q := alone.program(t, b)
	s := e.step(0)
	s.Index = s.Index[:3]
	if err := q.Step(s); err != nil {
		t.Fatal(err)
	}
	_, one := state(t, q)
	const mean = "stem.1.running_mean"
	r0, r1, want := two["replica0/"+mean], two["replica1/"+mean], one["replica0/"+mean]
	for c := range want {
		if math.Abs(r0[c]-want[c]) > 1e-6*math.Abs(want[c]) {
			t.Errorf("channel %d: replica 0's running mean: want %v, of its own three images, have %v", c, want[c], r0[c])
		}
		if r0[c] == r1[c] {
			t.Errorf("channel %d: both replicas have the running mean %v", c, r0[c])
		}
	}
}

// bnWithoutWeightDecay: the first momentum of every parameter is its gradient plus decay times
// itself.
func bnWithoutWeightDecay(t *testing.T, b engine.Backend) {
	const decay = 0.5
	momentum := func(decay float64) map[string][]float64 {
		e := load(t, "shake-s-s", fmt.Sprintf("train.weight_decay=%v", decay))
		p := e.program(t, b)
		ones := make([]float32, 4)
		for i := range ones {
			ones[i] = 1
		}
		if err := p.SetState([]engine.Tensor{{Name: "stem.1.bias", Shape: []int{4}, F32: ones}}); err != nil {
			t.Fatal(err)
		}
		e.run(t, p, 0, 1)
		_, values := state(t, p)
		return values
	}
	with, without := momentum(decay), momentum(0)
	for _, name := range []string{"stem.1.weight", "stem.1.bias", "stages.0.0.skip.bn.weight", "stages.0.1.branches.1.5.weight"} {
		for c, v := range with["momentum/"+name] {
			if want := without["momentum/"+name][c] + decay; math.Abs(v-want) > 1e-4 {
				t.Errorf("%s[%d], which is 1: want gradient plus decay %v, have %v", name, c, want, v)
			}
		}
	}
}

// evenInTrainingRandomInTest: with a learning rate of zero and no augmentation, training losses of
// one batch still differ from iteration to iteration, while evaluation repeats to the bit.
func evenInTrainingRandomInTest(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s", "data.augment=false")
	p := e.program(t, b)
	var losses []float64
	for i := range 2 {
		s := e.step(0)
		s.Iteration, s.LR = uint32(i), 0
		if err := p.Step(s); err != nil {
			t.Fatal(err)
		}
		m, err := p.Metrics(true)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, m.Loss)
	}
	if losses[0] == losses[1] {
		t.Errorf("two iterations of one batch with fresh draws have the same loss %v", losses[0])
	}
	first, _ := p.Eval(0, 5)
	if second, err := p.Eval(0, 5); err != nil || first != second {
		t.Errorf("two evaluations: %+v and %+v, %v", first, second, err)
	}
}

// meanOverFullBatchSize: in a ragged batch the gradient is that of the mean over the images there
// are, so the bias gradients' sizes do not shrink: with zero classifier weights they are (1/classes
// - share of the class).
func meanOverFullBatchSize(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s", "train.weight_decay=0")
	p := e.program(t, b)
	if err := p.SetState([]engine.Tensor{{Name: "head.2.weight", Shape: []int{10, 6}, F32: make([]float32, 60)}}); err != nil {
		t.Fatal(err)
	}
	// Labels 3 and 0; the batch may hold six.
	if err := p.Step(engine.Step{Index: []int32{0, 1}, LR: 0.1}); err != nil {
		t.Fatal(err)
	}
	_, values := state(t, p)
	for class, have := range values["momentum/head.2.bias"] {
		want := 0.1
		if class == 3 || class == 0 {
			want -= 0.5
		}
		if math.Abs(have-want) > 1e-6 {
			t.Errorf("gradient of the bias of class %d: want %v, have %v", class, want, have)
		}
	}
}

// batchDrawSharedByReplicas: at level batch, two replicas with the same images have different
// draws, hence different running statistics after the first block.
func batchDrawSharedByReplicas(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s-batch", "data.augment=false")
	p := e.program(t, b)
	if err := p.Step(engine.Step{Index: []int32{0, 1, 2, 0, 1, 2}, LR: 0.1}); err != nil {
		t.Fatal(err)
	}
	_, values := state(t, p)
	same := func(name string) bool {
		a, b := values["replica0/"+name], values["replica1/"+name]
		for c := range a {
			if math.Abs(a[c]-b[c]) > 1e-6*math.Abs(a[c]) {
				return false
			}
		}
		return true
	}
	if name := "stages.0.0.branches.0.2.running_var"; !same(name) {
		t.Errorf("%s, before any draw: want it the same in replicas with the same images", name)
	}
	if name := "stages.0.1.branches.0.2.running_var"; same(name) {
		t.Errorf("%s, after the first draw: want it to differ between replicas", name)
	}
}

// evalWithAnotherReplica: testing uses replica 0's running statistics.
func evalWithAnotherReplica(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	before, err := p.Logits(0, 5)
	if err != nil {
		t.Fatal(err)
	}
	change := func(replica int) []float32 {
		name := fmt.Sprintf("replica%d/stem.1.running_mean", replica)
		if err := p.SetState([]engine.Tensor{{Name: name, Shape: []int{4}, F32: []float32{3, -2, 1, 4}}}); err != nil {
			t.Fatal(err)
		}
		z, err := p.Logits(0, 5)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	if after := change(1); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("replica 1's running mean changes the logits")
	}
	if after := change(0); fmt.Sprint(after) == fmt.Sprint(before) {
		t.Error("replica 0's running mean does not change the logits")
	}
}

// clipOfEachReplica: the norm that train.clip limits is that of all replicas' mean gradient and of
// all parameters, without the penalty. The first momentum is that gradient.
func clipOfEachReplica(t *testing.T, b engine.Backend) {
	norm := func(clip float64) float64 {
		e := load(t, "shake-s-s", "train.weight_decay=0", fmt.Sprintf("train.clip=%v", clip))
		p := e.program(t, b)
		e.run(t, p, 0, 1)
		_, values := state(t, p)
		sum := 0.0
		for name, v := range values {
			for _, x := range v {
				if strings.HasPrefix(name, "momentum/") {
					sum += x * x
				}
			}
		}
		return math.Sqrt(sum)
	}
	whole := norm(0)
	for _, part := range []float64{0.5, 2} {
		if have, want := norm(part*whole), min(part, 1)*whole; math.Abs(have-want) > 1e-5*want {
			t.Errorf("a limit of %v on a gradient of norm %v: want %v, have %v", part*whole, whole, want, have)
		}
	}
}
