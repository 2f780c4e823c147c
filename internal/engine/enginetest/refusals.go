package enginetest

import (
	"fmt"
	"strings"
	"testing"

	"shake/internal/engine"
)

func setStateErrors(t *testing.T, b engine.Backend) {
	p := load(t, "shake-s-s").program(t, b)
	_, fresh := state(t, p)
	good := engine.Tensor{Name: "stem.1.weight", Shape: []int{4}, F32: []float32{5, 5, 5, 5}}
	for name, bad := range map[string]engine.Tensor{
		"unknown name":   {Name: "stem.1.wieght", Shape: []int{4}, F32: make([]float32, 4)},
		"unknown prefix": {Name: "replica2/stem.1.running_mean", Shape: []int{4}, F32: make([]float32, 4)},
		"wrong shape":    {Name: "stem.1.bias", Shape: []int{2, 2}, F32: make([]float32, 4)},
		"too short":      {Name: "stem.1.bias", Shape: []int{4}, F32: make([]float32, 3)},
		"nothing in it":  {Name: "stem.1.bias", Shape: []int{4}},
		"both in it":     {Name: "stem.1.bias", Shape: []int{4}, F32: make([]float32, 4), F64: make([]float64, 4)},
	} {
		_, want := state(t, p)
		err := p.SetState([]engine.Tensor{good, bad})
		if err == nil || !strings.Contains(err.Error(), bad.Name) {
			t.Errorf("%s: want an error that names %s, have %v", name, bad.Name, err)
		}
		if _, have := state(t, p); differ(have, want) != "" {
			t.Errorf("%s: the error changed the state: %s", name, differ(have, want))
		}
	}
	if err := p.SetState([]engine.Tensor{{Name: good.Name, Shape: []int{4}, F64: []float64{5, 5, 5, 5}}}); err != nil {
		t.Errorf("float64: %v", err)
	}
	fresh[good.Name] = []float64{5, 5, 5, 5}
	if _, have := state(t, p); differ(have, fresh) != "" {
		t.Errorf("after one tensor in float64: %s", differ(have, fresh))
	}
}

func compileErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	for name, change := range map[string]func(*engine.Config){
		"no batch":      func(c *engine.Config) { c.Batch = 0 },
		"no replicas":   func(c *engine.Config) { c.Replicas = 0 },
		"negative crop": func(c *engine.Config) { c.Crop = -1 },
		"no precision":  func(c *engine.Config) { c.Precision = "fp7" },
	} {
		c := engine.ConfigOf(e.spec)
		change(&c)
		if p, err := b.Compile(e.graph, c); err == nil {
			p.Close()
			t.Errorf("%s: want an error, have none", name)
		}
	}
	broken := e.graph.Clone()
	broken.Ops = broken.Ops[1:]
	if p, err := b.Compile(broken, engine.ConfigOf(e.spec)); err == nil {
		p.Close()
		t.Error("a graph without its first operation: want an error, have none")
	}
}

func loadErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	for name, change := range map[string]func(*engine.Images){
		"wrong size":      func(im *engine.Images) { im.H, im.W = 16, 64 },
		"pixels missing":  func(im *engine.Images) { im.Pix = im.Pix[1:] },
		"labels missing":  func(im *engine.Images) { im.Labels = im.Labels[1:] },
		"class too large": func(im *engine.Images) { im.Labels = append([]uint16{10}, im.Labels[1:]...) },
		"short mean":      func(im *engine.Images) { im.Mean = im.Mean[:2] },
		"zero std":        func(im *engine.Images) { im.Std = []float64{1, 0, 1} },
	} {
		im := *e.train
		change(&im)
		if p.Load(&im, nil) == nil || p.Load(nil, &im) == nil {
			t.Errorf("%s: want an error, have none", name)
		}
	}
}

func stepErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	_, want := state(t, p)
	for name, index := range map[string][]int32{"no image": {}, "too many": {0, 1, 2, 3, 4, 5, 6}, "negative": {0, -1}, "beyond the set": {0, 10}} {
		refused(t, name, p.Step(engine.Step{Index: index, LR: 1}), engine.ConfigOf(e.spec).CheckBatch(b.Name(), index, e.train.N))
	}
	if _, have := state(t, p); differ(have, want) != "" {
		t.Errorf("a refused step changed the state: %s", differ(have, want))
	}
	if err := p.Load(nil, e.test); err != nil {
		t.Fatal(err)
	}
	refused(t, "without training images", p.Step(e.step(0)), engine.NotLoaded(b.Name(), "training"))
}

func evalErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	for _, r := range [][2]int{{-1, 2}, {0, 6}, {3, 2}} {
		want := engine.CheckRange(b.Name(), r[0], r[1], e.test.N)
		_, err := p.Eval(r[0], r[1])
		refused(t, fmt.Sprintf("Eval%v", r), err, want)
		_, err = p.Logits(r[0], r[1])
		refused(t, fmt.Sprintf("Logits%v", r), err, want)
	}
	if err := p.Load(e.train, nil); err != nil {
		t.Fatal(err)
	}
	_, err := p.Eval(0, 1)
	refused(t, "Eval without test images", err, engine.NotLoaded(b.Name(), "test"))
}

// refused compares errors by their texts: a mistake reads alike on every backend.
func refused(t *testing.T, name string, have, want error) {
	t.Helper()
	if have == nil || have.Error() != want.Error() {
		t.Errorf("%s: want the error %q, have %v", name, want, have)
	}
}
