package enginetest

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
	"shake/internal/rng"
)

//go:embed testdata
var testdata embed.FS

// names lists the cases: every TOML file of testdata but the one that the others extend.
func names(t *testing.T) []string {
	files, err := fs.Glob(testdata, "testdata/*.toml")
	if err != nil || len(files) < 2 {
		t.Fatalf("listing cases: %v, %d files", err, len(files))
	}
	var out []string
	for _, f := range files {
		if name := strings.TrimSuffix(strings.TrimPrefix(f, "testdata/"), ".toml"); name != "base" {
			out = append(out, name)
		}
	}
	return out
}

// experiment is a case made ready: a network, its images and its recipe.
type experiment struct {
	spec        *dsl.Spec
	graph       *graph.Graph
	train, test *engine.Images
}

// load reads a case, with overrides such as "train.replicas=1".
func load(t *testing.T, name string, overrides ...string) *experiment {
	t.Helper()
	dir, err := fs.Sub(testdata, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := (&dsl.Loader{Builtin: dir}).Load(name, overrides...)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &experiment{spec, g, pictures(spec, 0, spec.Data.TrainImages), pictures(spec, 1000, spec.Data.TestImages)}
}

// pictures makes n images whose bytes are Philox words of key 99, as tools/vectors/make.py does:
// word w of image i is counter (i, 0, w/4, 0).
func pictures(spec *dsl.Spec, first, n int) *engine.Images {
	c, h, w := spec.Data.Channels, spec.Data.Size, spec.Data.Size
	im := &engine.Images{N: n, C: c, H: h, W: w, Classes: spec.Classes(), Mean: spec.Data.Mean[:c], Std: spec.Data.Std[:c]}
	for i := first; i < first+n; i++ {
		for j := range uint32(c*h*w+15) / 16 {
			for _, word := range rng.Philox(99, [4]uint32{uint32(i), 0, j, 0}) {
				im.Pix = append(im.Pix, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
			}
		}
		im.Pix = im.Pix[:(i-first+1)*c*h*w]
		im.Labels = append(im.Labels, uint16((7*i+3)%im.Classes))
	}
	return im
}

// program compiles the case on b with its initial weights and its images.
func (e *experiment) program(t *testing.T, b engine.Backend) engine.Program {
	t.Helper()
	p, err := b.Compile(e.graph, engine.ConfigOf(e.spec))
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.SetState(engine.InitTensors(e.graph, e.spec.Seed)); err != nil {
		t.Fatalf("SetState: %v", err)
	}
	if err := p.Load(e.train, e.test); err != nil {
		t.Fatalf("Load: %v", err)
	}
	return p
}

// step is iteration i of the case, from 0.
func (e *experiment) step(i int) engine.Step {
	n, batch := e.train.N, e.spec.Train.Batch
	perEpoch := (n + batch - 1) / batch
	order := make([]int32, n)
	for j := range order {
		order[j] = int32(j)
	}
	if e.spec.Data.Shuffle {
		order = engine.Permutation(e.spec.Seed, uint32(i/perEpoch+1), n)
	}
	lo := i % perEpoch * batch
	return engine.Step{Iteration: uint32(i), Index: order[lo:min(lo+batch, n)], LR: engine.LR(e.spec.Train, i, perEpoch)}
}

// run does iterations from..to-1 and returns the metrics of each.
func (e *experiment) run(t *testing.T, p engine.Program, from, to int) []engine.Metrics {
	t.Helper()
	var out []engine.Metrics
	for i := from; i < to; i++ {
		if err := p.Step(e.step(i)); err != nil {
			t.Fatalf("Step %d: %v", i, err)
		}
		m, err := p.Metrics(true)
		if err != nil {
			t.Fatalf("Metrics after step %d: %v", i, err)
		}
		out = append(out, m)
	}
	return out
}

// state is p's state: names in order, and numbers in float64 by name.
func state(t *testing.T, p engine.Program) (names []string, values map[string][]float64) {
	t.Helper()
	ts, err := p.State()
	if err != nil {
		t.Fatalf("State: %v", err)
	}
	values = map[string][]float64{}
	for _, x := range ts {
		n := 1
		for _, d := range x.Shape {
			n *= d
		}
		v := append([]float64(nil), x.F64...)
		for _, f := range x.F32 {
			v = append(v, float64(f))
		}
		if len(v) != n || x.F32 != nil && x.F64 != nil {
			t.Fatalf("State: %s: %d numbers for shape %v", x.Name, len(v), x.Shape)
		}
		if values[x.Name] != nil {
			t.Fatalf("State: %s appears twice", x.Name)
		}
		names, values[x.Name] = append(names, x.Name), v
	}
	return names, values
}

// differ says where two states are not the same bits; "" if they are.
func differ(a, b map[string][]float64) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d tensors against %d", len(a), len(b))
	}
	for name, x := range a {
		for i, v := range b[name] {
			if len(x) != len(b[name]) || x[i] != v {
				return fmt.Sprintf("%s[%d]: %v against %v", name, i, x[i], v)
			}
		}
	}
	return ""
}
