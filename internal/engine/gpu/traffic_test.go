package gpu

import (
	"fmt"
	"path/filepath"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
	"shake/internal/golden"
	"shake/nets"
)

// predicted is the table for a built-in net on a card, without compiled kernels.
func predicted(t *testing.T, net string, card predict.Card) (*List, *predict.Step) {
	t.Helper()
	s, err := nets.Load(net)
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas)
	step, err := l.Predict(card, engine.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, step
}

// The prediction for the H100 is on record, so that a change of the list shows in it.
func TestPredictGolden(t *testing.T) {
	card, err := predict.Find("h100")
	if err != nil {
		t.Fatal(err)
	}
	for _, net := range []string{"26-2x32d", "26-2x96d", "resnext29"} {
		l, step := predicted(t, net, card)
		eval, err := l.PredictEvaluation(card, 10000, engine.Config{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, filepath.Join("testdata", "predict-"+net+".golden"), step.Text(net, l.Batch)+eval.String())
	}
}

// Every op of every list moves exactly the bytes of the buffers that its uses method names.
func TestTraffic(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		for i, o := range l.Ops {
			moved := map[BufID]string{}
			tr := l.traffic(o)
			for _, p := range tr.reads {
				moved[p.Buf] += "r"
			}
			for _, p := range tr.writes {
				moved[p.Buf] += "w"
			}
			o.uses(func(b BufID, write bool) {
				if moved[b] == "" {
					t.Errorf("op %d, %s: uses %%%d and moves nothing of it", i, l.op(o), b)
				}
			})
			if len(tr.reads)+len(tr.writes) == 0 && tr.extra == 0 {
				if _, ok := o.(*Rescale); !ok {
					t.Errorf("op %d, %s: moves nothing", i, l.op(o))
				}
			}
		}
	})
}

// The FLOPs of the convolutions are twice three times the network's forward MACs, plus those on the
// zeros of merged filters.
func TestTrafficFLOPs(t *testing.T) {
	for net, want := range map[string]float64{"26-2x64d": 1685.5e6, "26-2x32d": 426.7e6} {
		l, step := predicted(t, net, predict.Cards[0])
		have := map[string]float64{}
		for _, k := range step.Kinds() {
			have[k.Op] = k.FLOPs / 2 / float64(l.Batch)
		}
		for _, op := range []string{"conv", "dgrad", "wgrad"} {
			if have[op] < 0.98*want || have[op] > 1.05*want {
				t.Errorf("%s: %s has %.1f M multiply-adds an image, the network %.1f M", net, op, have[op]/1e6, want/1e6)
			}
		}
	}
}

// Spans join the lanes of one tensor, each once.
func TestSpans(t *testing.T) {
	l, _ := predicted(t, "26-2x32d", predict.Cards[0])
	b := BufID(2) // 96 channels of 32x32
	have := fmt.Sprint(l.spans([]Part{{b, 64, 32}, {b, 0, 32}, {b, 8, 8}, {1, 0, 16}}))
	lane := float64(128 * 32 * 32 * 8 * 2)
	if want := fmt.Sprint([]predict.Span{{Tensor: 2, First: 0, Lanes: 4, LaneBytes: lane}, {Tensor: 2, First: 8, Lanes: 4, LaneBytes: lane}, {Tensor: 1, First: 0, Lanes: 2, LaneBytes: lane}}); have != want {
		t.Errorf("want %s, have %s", want, have)
	}
}

// usedBy reads a report in ptxas's own words.
func TestUsedBy(t *testing.T) {
	u := usedBy("ptxas info    : 0 bytes gmem\nptxas info    : Function properties for stats\nptxas info    : Used 80 registers, used 1 barriers, 16900 bytes smem, 400 bytes cmem[0]\n")
	if u == nil || u.Registers != 80 || u.Shared != 16900 {
		t.Errorf("%+v", u)
	}
	if u := usedBy("ptxas info    : Used 32 registers, 400 bytes cmem[0]"); u == nil || u.Registers != 32 || u.Shared != 0 {
		t.Errorf("%+v", u)
	}
	if u := usedBy(""); u != nil {
		t.Errorf("nothing said: %+v", u)
	}
}
