package cudnn_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// The sum of a weight gradient over all images and positions, cut into slices by the first engine
// that takes them.
func ExampleHandle_Engines() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx := must(must(cuda.Devices())[0].Primary())
	check(ctx.SetCurrent())
	h := must(cudnn.New(ctx))

	x, dw := cudnn.NHWC(8, 16, 8, 8, cudnn.BF16), cudnn.NHWC(16, 16, 3, 3, cudnn.F32)
	g := cudnn.ConvBackwardFilterF32Graph(x, x, dw, cudnn.ConvDesc{Pad: [2]int{1, 1}})
	for _, e := range must(h.Engines(g, cudnn.Deterministic())) {
		knob, ok := e.Knob(cudnn.KnobSplitKSlices)
		if !ok {
			continue
		}
		config := cudnn.EngineConfig{Engine: e.Index, Settings: []cudnn.Setting{{Type: knob.Type, Value: 4}}}
		plan, err := h.Plan(g, cudnn.Deterministic(), cudnn.UseEngine(config))
		if err != nil {
			continue // some settings of a knob cannot be prepared
		}
		fmt.Println(knob.Type, "is in", plan.Config(), "with a workspace for four:", plan.Workspace() >= 4*dw.Bytes())
		check(plan.Close())
		break
	}
	check(h.Close())
	check(ctx.Close())
}

// TestEnginesExample runs the example, which on its own would need a card.
func TestEnginesExample(t *testing.T) {
	open(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	ExampleHandle_Engines()
	os.Stdout = stdout
	w.Close()
	have, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(have), "SPLIT_K_SLC is in e") || !strings.HasSuffix(string(have), "SPLIT_K_SLC=4 with a workspace for four: true\n") {
		t.Errorf("have %q, %v", have, err)
	}
}

// TestSlices computes a weight gradient in slices, from the cache too. It lets Autotune choose
// among all ways, and a later search finds the choice.
func TestSlices(t *testing.T) {
	c := open(t)
	cache, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cache.Report = func(file, why string) { t.Errorf("%s: %s", file, why) }
	c.h.UseCache(cache)
	r := rand.New(rand.NewPCG(3, 4))
	xd, dwd, conv := cudnn.NHWC(3, 16, 5, 5, cudnn.BF16), cudnn.NHWC(16, 16, 3, 3, cudnn.F32), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	x, dy, dw := c.put(xd, random(r, xd.Elements())), c.put(xd, random(r, xd.Elements())), c.put(dwd, make([]float64, dwd.Elements()))
	want, scale := make([]float64, dwd.Elements()), make([]float64, dwd.Elements())
	taps(xd.Dims, dwd.Dims, xd.Dims, conv, func(ix, iw, iy int64) {
		want[iw] += dy.v[iy] * x.v[ix]
		scale[iw] += math.Abs(dy.v[iy] * x.v[ix])
	})
	g := cudnn.ConvBackwardFilterF32Graph(xd, xd, dwd, conv)
	engines, err := c.h.Engines(g)
	if err != nil {
		t.Fatal(err)
	}
	var config cudnn.EngineConfig
	at := slices.IndexFunc(engines, func(e cudnn.Engine) bool {
		config = cudnn.EngineConfig{Engine: e.Index, Settings: []cudnn.Setting{{Type: cudnn.KnobSplitKSlices, Value: 5}}}
		if _, ok := e.Knob(cudnn.KnobSplitKSlices); !ok {
			return false
		}
		return c.h.Supports(g, cudnn.UseEngine(config)) == nil
	})
	if at < 0 {
		t.Fatalf("no engine of %v cuts sums into slices", engines)
	}
	for _, from := range []string{"new", "from the cache"} {
		p, err := c.h.Plan(g, cudnn.UseEngine(config))
		if err != nil {
			t.Fatal(err)
		}
		if p.Config().String() != config.String() {
			t.Errorf("%s: it is %v, want %v", from, p.Config(), config)
		}
		c.check(p.Run(c.work(p), x.ptr(), dy.ptr(), dw.ptr()))
		c.compare("dw in slices, "+from, cudnn.F32, c.get(dw), want, scale)
		c.check(p.Close())
	}

	sliced, err := c.h.Plan(g, cudnn.UseEngine(config))
	if err != nil {
		t.Fatal(err)
	}
	if !sliced.TensorCores() || sliced.Config().Engine != config.Engine {
		t.Errorf("%v is of engine %d and on tensor cores: %v", sliced, sliced.Config().Engine, sliced.TensorCores())
	}
	if have := c.h.Multiprocessors(); have != c.ctx.Device().SMs() || have < 1 {
		t.Errorf("the handle counts %d multiprocessors, the device %d", have, c.ctx.Device().SMs())
	}
	converted, err := c.h.ConvBackwardFilterConverted(xd, xd, dwd, conv)
	if err != nil {
		t.Fatal(err)
	}
	if sliced.Converted() || !converted.Converted() {
		t.Errorf("%v is converted: %v, %v: %v", sliced, sliced.Converted(), converted, converted.Converted())
	}
	if p, err := c.h.ConvBackwardFilterMeasured(xd, xd, dwd, conv); p != nil || err != nil {
		t.Errorf("nothing was measured: have %v, %v", p, err)
	}
	for _, winner := range []*cudnn.Plan{sliced, converted} {
		cache, err := cudnn.OpenCache(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c.h.UseCache(cache)
		if _, err := c.h.Autotune([]*cudnn.Plan{winner}, c.work(winner), x.ptr(), dy.ptr(), dw.ptr()); err != nil {
			t.Fatal(err)
		}
		p, err := c.h.ConvBackwardFilter(xd, xd, dwd, conv)
		if err != nil {
			t.Fatal(err)
		}
		if p.Engine() != winner.Engine() || p.Time() != winner.Time() || p.Time() == 0 {
			t.Errorf("measured was %v in %v, found again %v in %v", winner, winner.Time(), p, p.Time())
		}
		c.check(p.Close())
		c.check(winner.Close())
	}
}
