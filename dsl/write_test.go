package dsl

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"shake/internal/golden"
)

// again parses the text of s.TOML, without any built-in networks, and expects an equal Spec.
func again(t *testing.T, s *Spec) {
	t.Helper()
	text := s.TOML()
	back, err := (&Loader{}).Parse("run/config.toml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(s, back) {
		t.Fatalf("want %+v\nhave %+v\n%s", s, back, text)
	}
}

func TestTOMLOfNets(t *testing.T) {
	for _, name := range builtin.Names() {
		s, err := builtin.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		again(t, s)
	}
	s, err := builtin.Load("c")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/c.resolved", string(s.TOML()))
}

// TestTOMLOfRandomSpecs makes valid networks of random words.
func TestTOMLOfRandomSpecs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]int{}
	for range 500 {
		s := randomSpec(r)
		again(t, s)
		kinds[s.Net.Skip.String()]++
	}
	if len(kinds) != 4 {
		t.Errorf("the random networks are all of a kind: %v", kinds)
	}
}

func randomSpec(r *rand.Rand) *Spec {
	pick := func(n int) int { return r.IntN(n) }
	coin := func() bool { return pick(2) == 0 }
	s := &Spec{Name: []string{"x", "26-2x32d", "a.b_c"}[pick(3)], Seed: r.Uint64() >> (1 + pick(63))}
	s.Net = Net{Stem: []Layer{{Kind: Conv, R: 3, S: 3, Out: 16, Groups: 1, Stride: 1 + pick(2), Pad: pick(3)}, {Kind: BN}, {Kind: ReLU}}[:1+pick(3)], Branches: 2}
	s.Net.Skip = SkipKind(pick(4))
	for i := range 1 + pick(3) {
		st := Stage{Width: 16, Blocks: 1 + pick(3), Stride: 1 + pick(2)}
		if s.Net.Skip == SkipIdentity {
			st.Stride = 1
		} else {
			st.Width = 16 << i
		}
		s.Net.Stages = append(s.Net.Stages, st)
	}
	n := 1 + pick(3)
	taker := pick(n)
	for i := range n {
		k := []int{1, 3, 5}[pick(3)]
		s.Net.Branch = append(s.Net.Branch, Layer{Kind: Conv, R: k, S: k, Groups: 1 << pick(3), Stride: 1, TakesStride: i == taker, Pad: k / 2})
		if i < n-1 && coin() {
			s.Net.Branch[len(s.Net.Branch)-1].Out = 8 * (1 + pick(4))
		}
		if coin() {
			s.Net.Branch = append(s.Net.Branch, Layer{Kind: LayerKind(1 + pick(2))})
		}
	}
	if s.Net.Skip == SkipNone && coin() { // strides of its own, and none for the stage
		for i := range s.Net.Stages {
			s.Net.Stages[i].Stride = 1
		}
		for i := range s.Net.Branch {
			if s.Net.Branch[i].Kind == Conv {
				s.Net.Branch[i].TakesStride, s.Net.Branch[i].Stride = false, 1+pick(2)
			}
		}
	}
	if coin() {
		s.Net.After = []Layer{{Kind: ReLU}}
	}
	s.Net.Head = []Layer{{Kind: BN}, {Kind: ReLU}, {Kind: AvgPool}, {Kind: Linear}}[pick(3):]
	s.Shake = Shake{Forward: Mode(pick(2)), Backward: Mode(pick(8)), Range: [2]float64{r.Float64() / 2, 0.5 + r.Float64()/2}, Gate: 0.5}
	if s.Shake.Backward < M1 {
		s.Shake.Level = Level(pick(2))
		s.Net.Branches = 1 + pick(4)
	}
	if s.Net.Branches == 1 {
		s.Shake.Forward, s.Shake.Backward = Even, []Mode{Even, Keep}[pick(2)]
	}
	if s.Shake.Backward >= M1 {
		s.Shake.Forward = Shaken
	}
	if s.Net.Branches != 2 || s.Shake.Forward != Shaken && s.Shake.Backward != Shaken {
		s.Shake.Range = [2]float64{0, 1}
	}
	s.Shake.BackwardRange = s.Shake.Range
	s.Train = Train{Epochs: 1 + pick(1800), Batch: 4 + pick(200), Replicas: 1 + pick(4), LR: r.Float64() + 1e-9, Schedule: scheduleWords[pick(3)], Factor: 0.1, SWA: r.Float64(),
		Momentum: r.Float64(), Nesterov: coin(), WeightDecay: r.Float64() * 1e-4, Clip: r.Float64(), Mixup: r.Float64(), Smoothing: r.Float64(), MaxSteps: pick(3), LogSteps: pick(3), Workers: pick(3), CheckpointEvery: 1 + pick(3), CheckpointSteps: pick(3), EvalEvery: 1 + pick(3)}
	if coin() {
		s.Train.SWA, s.Train.EMA = 0, r.Float64()
	}
	if coin() {
		s.Train.Warmup = []Phase{{1, r.Float64() + 1e-9, coin()}}
	}
	if s.Train.Schedule == "step" {
		s.Train.Factor = r.Float64()
	}
	if s.Train.Schedule == "step" || s.Train.Schedule == "cosine" && coin() {
		s.Train.Milestones = []float64{r.Float64()/2 + 1e-9, 0.5 + r.Float64()/2}
	}
	s.Data = Data{Set: setWords[pick(3)], Size: 32, Channels: 3, Flip: coin(), Crop: pick(5), Cutout: pick(20), Erase: r.Float64(), Augment: coin(), Shuffle: coin(), TrainImages: pick(50001), TestImages: pick(10001)}
	s.Data.Split = splitWords[0]
	if s.Data.TrainImages > 1 {
		if s.Data.Validation = pick(s.Data.TrainImages); s.Data.Validation > 0 {
			s.Data.Split = splitWords[pick(2)]
		}
	}
	s.Engine = Engine{Conv: convWords[pick(2)], Precision: precisionWords[pick(5)], Deterministic: coin()}
	if coin() {
		s.Data.Set, s.Data.Size, s.Data.Count = "images", 8+pick(217), 2+pick(65535)
	}
	for i := range 3 {
		s.Data.Mean[i], s.Data.Std[i] = 1+254*(1-r.Float64()), 1+254*(1-r.Float64())
	}
	if s.Data.Set == "images" && coin() {
		s.Data.Channels, s.Data.Mean, s.Data.Std = 1, [3]float64{s.Data.Mean[0], s.Data.Mean[0], s.Data.Mean[0]}, [3]float64{s.Data.Std[0], s.Data.Std[0], s.Data.Std[0]}
	}
	return s
}

// seeds is every network and every file of mistakes.
func seeds() []string {
	all := []string{whole, "", "extends = \"quick\"\n"}
	for _, pattern := range []string{"../nets/*.toml", "testdata/*.toml", "testdata/bases/*.toml"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			if text, err := os.ReadFile(f); err == nil {
				all = append(all, string(text))
			}
		}
	}
	return all
}

// FuzzParse: any text gives a Spec that can be written and read again, or errors that each fill one
// line.
func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := builtin.Parse("x.toml", []byte(text))
		if err != nil {
			checkErrors(t, err)
			return
		}
		again(t, s)
	})
}

// FuzzOverride does the same for an override.
func FuzzOverride(f *testing.F) {
	for _, s := range []string{"train.lr=0.1", "net.stage[1].width=32", "shake.forward=even", "net.stem[1]={conv='3x3', out=4}", "data={crop=1}", "x[1][2].y=[{}]", "seed=\"", "train.warmup[1]=1",
		"net.branch=[\"conv2x2\", {conv = \"2x2\", pad = 1}]", "=", "a=\nb=1", "net.stage[999999999]=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, over string) {
		s, err := builtin.Parse("x.toml", []byte(whole), over)
		if err != nil {
			checkErrors(t, err)
			return
		}
		again(t, s)
	})
}

func checkErrors(t *testing.T, err error) {
	t.Helper()
	var es Errors
	if !errors.As(err, &es) || len(es) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, e := range es {
		if e.File == "" || e.Have == "" || e.Line < 0 || e.Line > 0 && e.Col < 1 || strings.ContainsAny(e.Error(), "\n\r") || !utf8.ValidString(e.Error()) {
			t.Fatalf("%#v", e)
		}
	}
}
