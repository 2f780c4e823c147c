package train

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
	"shake/internal/rng"
)

// toy is a backend without a network: weights follow a recursion that depends on every image,
// label, rate and iteration, so that a step left out, doubled, reordered or restored wrongly shows
// in the last bit.
type toy struct {
	bad    int64             // iteration whose loss is not a number; -1: none
	pause  time.Duration     // after each step
	onStep func(engine.Step) // receives every step
	onEval func(lo int)      // receives every evaluation
	cards  []string          // the cards that it claims to use
	piece  int               // largest number of images of one evaluation
	logits func(lo, hi int) []float32
}

func (toy) Name() string { return "toy" }

func (b toy) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	p := &toyProgram{toy: b, c: c, m: engine.Metrics{BadStep: -1}}
	for _, q := range g.Params {
		p.add(q.Name, q.Shape, 0)
	}
	p.params = len(p.state)
	for _, q := range g.Params {
		p.add(momentumPrefix+q.Name, q.Shape, 0)
	}
	for r := range c.Replicas {
		for _, op := range g.Ops {
			if n, ok := op.(*graph.Norm); ok {
				p.add(fmt.Sprintf("replica%d/%s.running_mean", r, n.Parts[0].Name), []int{n.Parts[0].C}, 0)
				p.add(fmt.Sprintf("replica%d/%s.running_var", r, n.Parts[0].Name), []int{n.Parts[0].C}, 1)
			}
		}
	}
	return p, nil
}

type toyProgram struct {
	toy
	c           engine.Config
	train, test *engine.Images
	state       []engine.Tensor
	params      int
	m           engine.Metrics
}

func (p *toyProgram) add(name string, shape []int, fill float32) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	p.state = append(p.state, engine.Tensor{Name: name, Shape: shape, F32: slices.Repeat([]float32{fill}, n)})
}

func (p *toyProgram) Load(train, test *engine.Images) error {
	if train != nil {
		p.train = train
	}
	if test != nil {
		p.test = test
	}
	return nil
}

// loss is a number that depends on the weights and one image.
func (p *toyProgram) loss(im *engine.Images, i int) (loss float64, wrong int) {
	w := p.state[0].F32
	size := im.C * im.H * im.W
	x := float32(im.Pix[i*size])/255 + float32(im.Labels[i])/10
	l := 1 + math.Abs(float64(w[i%len(w)]*x))
	return l, int(math.Float64bits(l) >> 20 & 1)
}

func (p *toyProgram) Step(s engine.Step) error {
	if p.onStep != nil {
		p.onStep(engine.Step{Iteration: s.Iteration, Index: slices.Clone(s.Index), LR: s.LR})
	}
	var sum float64
	for _, i := range s.Index {
		l, wrong := p.loss(p.train, int(i))
		sum += l
		p.m.Errors += wrong
	}
	if int64(s.Iteration) == p.bad {
		sum = math.NaN()
	}
	if math.IsNaN(sum) && p.m.BadStep < 0 {
		p.m.BadStep = int64(s.Iteration)
	}
	p.m.Images += len(s.Index)
	p.m.Loss += sum
	noise := rng.Philox(p.c.Seed, [4]uint32{s.Iteration})
	for t := range p.params {
		w, v := p.state[t].F32, p.state[p.params+t].F32
		for j := range w {
			g := w[j]*.01 + float32(rng.Uniform(noise[j%4])-.5)*float32(sum)
			v[j] = .9*v[j] + g
			w[j] -= float32(s.LR) * .01 * v[j]
		}
	}
	for t, r := range p.state[2*p.params:] {
		for j := range r.F32 {
			r.F32[j] = .9*r.F32[j] + .1*float32(sum)/float32(t+j+1)
		}
	}
	time.Sleep(p.pause)
	return nil
}

func (p *toyProgram) Metrics(reset bool) (engine.Metrics, error) {
	m := p.m
	if reset {
		p.m = engine.Metrics{BadStep: -1}
	}
	return m, nil
}

func (p *toyProgram) Eval(lo, hi int) (engine.Metrics, error) {
	if p.onEval != nil {
		p.onEval(lo)
	}
	m := engine.Metrics{BadStep: -1}
	for i := lo; i < hi; i++ {
		l, wrong := p.loss(p.test, i)
		m.Images, m.Loss, m.Errors = m.Images+1, m.Loss+l, m.Errors+wrong
	}
	return m, nil
}

func (p *toyProgram) Logits(lo, hi int) ([]float32, error) { return p.logits(lo, hi), nil }

func (p *toyProgram) State() ([]engine.Tensor, error) {
	var ts []engine.Tensor
	for _, t := range p.state {
		ts = append(ts, engine.Tensor{Name: t.Name, Shape: t.Shape, F32: slices.Clone(t.F32)})
	}
	return ts, nil
}

func (p *toyProgram) SetState(ts []engine.Tensor) error {
	for _, t := range ts {
		i := slices.IndexFunc(p.state, func(s engine.Tensor) bool { return s.Name == t.Name })
		if i < 0 || len(t.F32)+len(t.F64) != len(p.state[i].F32) {
			return fmt.Errorf("toy: %s", t.Name)
		}
		for j, v := range numbers(t) {
			p.state[i].F32[j] = float32(v)
		}
	}
	return nil
}

func (p *toyProgram) Info() engine.Info {
	return engine.Info{Device: "toy", Detail: "no network", Workers: 1, Memory: 1 << 20, Cards: p.cards, Piece: p.piece}
}

func (p *toyProgram) Close() error { return nil }

const toyNet = `
seed = 7
[net]
stem = [{ conv = "3x3", out = 4 }, "bn"]
branch = ["relu", "conv3x3", "bn"]
branches = 2
skip = "two-flow"
head = ["relu", "avgpool", "linear"]
[[net.stage]]
width = 4
blocks = 1
stride = 1
[shake]
forward = "shake"
backward = "shake"
level = "image"
[train]
epochs = 4
batch = 8
replicas = 2
lr = 0.1
schedule = "cosine"
momentum = 0.9
nesterov = true
weight_decay = 1e-4
[data]
set = "synthetic"
mean = [127.5, 127.5, 127.5]
std = [64.0, 64.0, 64.0]
flip = true
crop = 4
`

// spec returns the toy network with overrides.
func spec(t testing.TB, overrides ...string) *dsl.Spec {
	t.Helper()
	s, err := (&dsl.Loader{}).Parse("toy.toml", []byte(toyNet), overrides...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// images makes n images from a seed.
func images(n int, seed uint64) *engine.Images {
	im := &engine.Images{N: n, C: 3, H: 32, W: 32, Classes: 10, Mean: []float64{127.5, 127.5, 127.5}, Std: []float64{64, 64, 64}}
	h := fnv.New64a()
	for len(im.Pix) < n*3*32*32 {
		binary.Write(h, binary.LittleEndian, seed)
		im.Pix = h.Sum(im.Pix)
	}
	im.Pix = im.Pix[:n*3*32*32]
	for i := range n {
		im.Labels = append(im.Labels, uint16(im.Pix[i*3072+5])%10)
	}
	return im
}

// options is a run of the toy network on 29 training images (4 steps an epoch, the last of 5
// images) and 11 test images.
func options(t testing.TB, dir string, overrides ...string) Options {
	return Options{Spec: spec(t, overrides...), Dir: dir, Backend: toy{bad: -1}, Train: images(29, 1), Test: images(11, 2), DataNote: "made up", Version: "test", plain: true}
}

// tempDir is a new folder in memory if the system has one, since these tests make thousands of
// files durable.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shake-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listener is an Observer that keeps all events and can act on a step.
type listener struct {
	started  []Decisions
	epochs   []EpochRecord
	steps    []StepRecord
	saved    []Saved
	notices  []string
	ended    []Summary
	progress int
	onSaved  func(Saved)
}

func (l *listener) Start(d Decisions)   { l.started = append(l.started, d) }
func (l *listener) Progress(Progress)   { l.progress++ }
func (l *listener) Step(r StepRecord)   { l.steps = append(l.steps, r) }
func (l *listener) Epoch(r EpochRecord) { l.epochs = append(l.epochs, r) }
func (l *listener) Notice(s string)     { l.notices = append(l.notices, s) }
func (l *listener) End(s Summary)       { l.ended = append(l.ended, s) }
func (l *listener) Saved(s Saved) {
	l.saved = append(l.saved, s)
	if l.onSaved != nil {
		l.onSaved(s)
	}
}

func (l *listener) noticed(text string) bool {
	return slices.ContainsFunc(l.notices, func(n string) bool { return strings.Contains(n, text) })
}
