package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sameNumbers is the program "same A B" of the scripts: two texts that differ in numbers alone, and
// in none by more than 1e-6, the precision of a correlation in float32.
func sameNumbers() {
	var fields [2][]string
	for i := range fields {
		text, err := os.ReadFile(os.Args[i+1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fields[i] = strings.Fields(string(text))
	}
	numbers := 0
	for i, a := range fields[0] {
		if i >= len(fields[1]) {
			break
		}
		b := fields[1][i]
		x, err := strconv.ParseFloat(strings.TrimRight(a, ","), 64)
		y, other := strconv.ParseFloat(strings.TrimRight(b, ","), 64)
		if err == nil {
			numbers++
		}
		if a != b && (err != nil || other != nil || !(math.Abs(x-y) <= 1e-6)) {
			fmt.Fprintf(os.Stderr, "%s: want %s, have %s\n", os.Args[1], b, a)
			os.Exit(1)
		}
	}
	if len(fields[0]) != len(fields[1]) || numbers == 0 {
		fmt.Fprintf(os.Stderr, "%d words, %d numbers among them, and %d words\n", len(fields[0]), numbers, len(fields[1]))
		os.Exit(1)
	}
}

// TestCorrelateTorch trains a network for three epochs, exports it, and holds its correlations to
// numpy's corrcoef of the activations that PyTorch makes of the exported weights and the files of
// test images. SHAKE_PYTHON names a Python with torch, numpy and safetensors.
func TestCorrelateTorch(t *testing.T) {
	python := os.Getenv("SHAKE_PYTHON")
	if python == "" {
		t.Skip("SHAKE_PYTHON is not set: see make test-torch")
	}
	dir := t.TempDir()
	writeCIFAR(t, dir)
	shake := func(args ...string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(args, nil, &out, &errs); code != exitOK {
			t.Fatalf("shake %q: exit code %d\n%s", args, code, errs.String())
		}
		return out.Bytes()
	}
	trained, weights := filepath.Join(dir, "run"), filepath.Join(dir, "weights.safetensors")
	shake("run", "testdata/tiny.toml", "--data", dir, "--device", "cpu", "--out", trained, "-o", "data.set=cifar10", "-o", "data.train_images=200",
		"-o", "data.test_images=64", "-o", "train.epochs=3", "-o", `net.branch=["relu", "conv3x3", "bn", "relu", "conv3x3", "bn"]`)
	shake("export", trained, weights)
	var have struct {
		Networks []struct{ Pairs []branchPair }
	}
	if err := json.Unmarshal(shake("correlate", trained, "--data", dir, "--device", "cpu", "--json"), &have); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, p := range have.Networks[0].Pairs {
		name := func(left, right int) string { return fmt.Sprint(p.Block, p.Branches, [2]int{left, right}) }
		found[name(0, 0)] = *p.Outputs.Runs[0]
		for _, l := range p.Layers {
			found[name(l.Left, l.Right)] = *l.Runs[0]
		}
	}
	out, err := exec.Command(python, "../../bench/peers/correlate.py", filepath.Join(trained, "config.toml"), weights, dir, "--images", "64").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(found) || len(lines) != 20 {
		t.Errorf("numpy has %d pairs, shake %d, want 20", len(lines), len(found))
	}
	for _, line := range lines {
		var want struct {
			Block            string
			Branches, Layers [2]int
			Correlation      float64
		}
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		c, ok := found[fmt.Sprint(want.Block, want.Branches, want.Layers)]
		if !ok || math.Abs(c-want.Correlation) > 1e-6 {
			t.Errorf("%s: have %.9f", line, c)
		}
	}
}

// writeCIFAR writes files of CIFAR-10's form: stripes whose direction and width are the label's,
// under noise. All are the same file.
func writeCIFAR(t *testing.T, dir string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for i := range 10000 {
		label := i % 10
		b = append(b, byte(label))
		for j := range 3 * 32 * 32 {
			at := []int{j % 32, j / 32 % 32}[label%2]
			b = append(b, byte(100+100*(at/(1+label/2)%2)+r.IntN(56)))
		}
	}
	names := []string{"test_batch.bin"}
	for i := range 5 {
		names = append(names, fmt.Sprintf("data_batch_%d.bin", i+1))
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
