package engine_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
	"shake/nets"
)

// drawsFile is the result of tools/vectors/draws.py, which computes from docs/formats.md.
type drawsFile struct {
	Params []struct {
		Name  string
		Shape []int
		CRC32 uint32
	}
	Validation []int32
	Steps      []struct {
		Images       []int32
		Flip, DY, DX []int
		Holes        [][2][4]int
		Mixup        struct {
			Weight  string
			Partner []int32
		}
		Dropout     [][]uint32   // [dropout][image]: CRC-32 of the factors
		Alpha, Beta [][][]string // [block][branch][image]
	}
}

// TestDraws compares, bit for bit, the numbers that docs/formats.md describes with those of this
// package: initial weights, order, augmentation, mixup, dropout, alpha and beta of ten steps.
func TestDraws(t *testing.T) {
	for _, name := range []string{"image", "batch", "m4", "drop", "keep"} {
		t.Run(name, func(t *testing.T) {
			spec, err := (&dsl.Loader{}).Load("testdata/draws-" + name + ".toml")
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("testdata/draws-" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want drawsFile
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			g, err := graph.Build(spec)
			if err != nil {
				t.Fatal(err)
			}
			compareInit(t, engine.InitTensors(g, spec.Seed), &want)
			if d := spec.Data; d.Split == "random" {
				if _, have := engine.Split(spec.Seed, d.TrainImages, d.Validation); !slices.Equal(have, want.Validation) {
					t.Errorf("want %v kept out of training, have %v", want.Validation, have)
				}
			}
			if len(want.Steps) != 10 {
				t.Fatalf("%d steps", len(want.Steps))
			}
			for i := range want.Steps {
				compareStep(t, spec, g, &want, i)
			}
		})
	}
}

func compareInit(t *testing.T, have []engine.Tensor, want *drawsFile) {
	if len(have) != len(want.Params) {
		t.Fatalf("want %d parameters, have %d", len(want.Params), len(have))
	}
	for p, w := range want.Params {
		var b []byte
		for _, v := range have[p].F32 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if have[p].Name != w.Name || !slices.Equal(have[p].Shape, w.Shape) || crc32.ChecksumIEEE(b) != w.CRC32 {
			t.Errorf("parameter %d: want %+v, have %s %v %d", p, w, have[p].Name, have[p].Shape, crc32.ChecksumIEEE(b))
		}
	}
}

func compareStep(t *testing.T, spec *dsl.Spec, g *graph.Graph, want *drawsFile, i int) {
	w := want.Steps[i]
	n, batch := spec.Data.TrainImages-spec.Data.Validation, spec.Train.Batch
	perEpoch := (n + batch - 1) / batch
	lo := i % perEpoch * batch
	order := engine.Permutation(spec.Seed, uint32(i/perEpoch+1), n)[lo:min(lo+batch, n)]
	if !slices.Equal(order, w.Images) {
		t.Fatalf("step %d: want images %v, have %v", i, w.Images, order)
	}
	for at := range order {
		flip, dy, dx := engine.AugmentDraw(spec.Seed, uint32(i), at, spec.Data.Crop)
		if flip != (w.Flip[at] == 1) || dy != w.DY[at] || dx != w.DX[at] {
			t.Errorf("step %d: position %d: want flip %d at %d, %d, have %v at %d, %d", i, at, w.Flip[at], w.DY[at], w.DX[at], flip, dy, dx)
		}
	}
	for at := range order {
		for k, h := range engine.Holes(spec.Seed, uint32(i), at, 32, 32, spec.Data.Cutout, spec.Data.Erase) {
			if have := [4]int{h.Y0, h.Y1, h.X0, h.X1}; have != w.Holes[at][k] {
				t.Errorf("step %d: position %d: want hole %v, have %v", i, at, w.Holes[at][k], have)
			}
		}
	}
	if a := spec.Train.Mixup; a > 0 {
		partner := make([]int32, len(order))
		have := engine.Mix(spec.Seed, uint32(i), a, partner)
		if weight, err := strconv.ParseFloat(w.Mixup.Weight, 64); err != nil || have != weight || !slices.Equal(partner, w.Mixup.Partner) {
			t.Errorf("step %d: want mixup %+v, have %x, %v", i, w.Mixup, have, partner)
		}
	}
	compareDropout(t, spec.Seed, g, i, len(order), w.Dropout)
	if len(w.Alpha) != len(g.Blocks) {
		t.Fatalf("want %d blocks, have %d", len(w.Alpha), len(g.Blocks))
	}
	for b, block := range g.Blocks {
		alpha, beta := make([][]float64, block.Branches), make([][]float64, block.Branches)
		for k := range alpha {
			alpha[k], beta[k] = make([]float64, len(order)), make([]float64, len(order))
		}
		engine.Draw(spec.Seed, uint32(i), b, block, len(order), spec.Train.Replicas, alpha, beta)
		if d := differing(w.Alpha[b], alpha) + differing(w.Beta[b], beta); d != "" {
			t.Errorf("step %d, block %d: %s", i, b, d)
		}
	}
}

func compareDropout(t *testing.T, seed uint64, g *graph.Graph, i, n int, want [][]uint32) {
	dropouts := 0
	for _, op := range g.Ops {
		o, is := op.(*graph.Dropout)
		if !is {
			continue
		}
		if dropouts++; o.Index >= len(want) || len(want[o.Index]) != n {
			t.Fatalf("step %d: no dropout %d of %d images", i, o.Index, n)
		}
		pixels := g.Values[o.X.Value].H * g.Values[o.X.Value].W
		for at := range n {
			kept := engine.Kept(seed, uint32(i), at, o)
			b := make([]byte, 8*o.X.C*pixels)
			for pixel := range pixels {
				for c := range o.X.C {
					binary.LittleEndian.PutUint64(b[8*(c*pixels+pixel):], math.Float64bits(kept.Factor(pixel, c)))
				}
			}
			if have := crc32.ChecksumIEEE(b); have != want[o.Index][at] {
				t.Errorf("step %d: dropout %d, position %d: want %d, have %d", i, o.Index, at, want[o.Index][at], have)
			}
		}
	}
	if dropouts != len(want) {
		t.Errorf("step %d: want %d dropouts, have %d", i, len(want), dropouts)
	}
}

func differing(want [][]string, have [][]float64) string {
	for k := range have {
		for i, h := range have[k] {
			if w, err := strconv.ParseFloat(want[k][i], 64); err != nil || w != h {
				return fmt.Sprintf("branch %d, image %d: want %s, have %x", k, i, want[k][i], h)
			}
		}
	}
	return ""
}

// TestNumbers: docs/formats.md names, shapes and numbers the parameters of every built-in network.
func TestNumbers(t *testing.T) {
	text, err := os.ReadFile("testdata/numbers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Params int
		CRC32  uint32
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range nets.Names() {
		g := build(t, name)
		var lines strings.Builder
		for _, p := range g.Params {
			shape := strings.ReplaceAll(strings.Trim(fmt.Sprint(p.Shape), "[]"), " ", "×")
			fmt.Fprintf(&lines, "%s %s\n", p.Name, shape)
		}
		if have := crc32.ChecksumIEEE([]byte(lines.String())); have != want[name].CRC32 || len(g.Params) != want[name].Params {
			t.Errorf("%s: want %+v, have %d parameters and %d", name, want[name], len(g.Params), have)
		}
	}
}

// TestDrawsAnew has Python compute the files again.
func TestDrawsAnew(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, python := range []string{os.Getenv("SHAKE_PYTHON"), filepath.Join(root, ".venv/bin/python"), "python3"} {
		if python == "" || exec.Command(python, "-c", "import numpy, tomllib").Run() != nil {
			continue
		}
		if out, err := exec.Command(python, filepath.Join(root, "tools/vectors/draws.py"), "--check").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, strings.TrimSpace(string(out)))
		}
		return
	}
	t.Skip("no Python with numpy here (SHAKE_PYTHON, .venv/bin/python, python3): its draws were NOT COMPUTED ANEW, only the stored ones compared")
}
