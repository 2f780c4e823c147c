package train

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nlpodyssey/safetensors"

	"shake/dsl"
	"shake/internal/engine"
)

func tensors() []engine.Tensor {
	return []engine.Tensor{
		{Name: "b", Shape: []int{2, 2}, F32: []float32{1, -2.5, 3e-45, float32(math.Inf(1))}},
		{Name: "a", Shape: []int{3}, F64: []float64{1, math.Pi, 5e-324}},
		{Name: "none", Shape: []int{0, 7}, F32: []float32{}},
	}
}

func encoded(t testing.TB, meta map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encodeTensors(&b, tensors(), meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decodeBytes(b []byte) ([]engine.Tensor, map[string]string, error) {
	return decodeTensors(bytes.NewReader(b), int64(len(b)))
}

func TestTensorsRoundTrip(t *testing.T) {
	b := encoded(t, map[string]string{"x": "é <1>"})
	if !bytes.Equal(b, encoded(t, map[string]string{"x": "é <1>"})) {
		t.Error("two encodings differ")
	}
	ts, meta, err := decodeBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(ts, func(a, b engine.Tensor) int { return len(a.Name)*10 + int(a.Name[0]) - len(b.Name)*10 - int(b.Name[0]) })
	want := tensors()
	want[0], want[1] = want[1], want[0]
	if d := cmp.Diff(want, ts); d != "" {
		t.Error(d)
	}
	if meta["x"] != "é <1>" || len(meta[checksumKey]) != 64 {
		t.Errorf("metadata %v", meta)
	}
}

func TestTensorsDamage(t *testing.T) {
	good := encoded(t, nil)
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		if _, _, err := decodeBytes(b); err == nil && !harmless(good, i) {
			t.Errorf("byte %d of %d changed (%q) and nobody saw", i, len(good), good[i])
		}
		if _, _, err := decodeBytes(good[:i]); err == nil {
			t.Errorf("cut to %d bytes and nobody saw", i)
		}
	}
}

// harmless says that a change of byte i only hides the checksum: the key is then another entry, and
// a checkpoint without a checksum is refused.
func harmless(b []byte, i int) bool {
	at := bytes.Index(b, []byte(checksumKey))
	return i >= at && i < at+len(checksumKey)
}

func TestHalfTypes(t *testing.T) {
	for _, c := range []struct {
		bits uint16
		want float32
	}{{0x3c00, 1}, {0xc100, -2.5}, {0x7bff, 65504}, {0x0001, 1.0 / (1 << 24)}, {0x8000, float32(math.Copysign(0, -1))}, {0x7c00, float32(math.Inf(1))}, {0x0400, 1.0 / (1 << 14)}} {
		if have := half(c.bits); math.Float32bits(have) != math.Float32bits(c.want) {
			t.Errorf("half %#x: have %g, want %g", c.bits, have, c.want)
		}
	}
	if x := half(0x7e00); x == x {
		t.Errorf("half NaN is %g", x)
	}
	bf16, err := safetensors.NewTensorView(safetensors.BF16, []uint64{2}, []byte{0x80, 0x3f, 0x20, 0xc0})
	if err != nil {
		t.Fatal(err)
	}
	count, err := safetensors.NewTensorView(safetensors.I64, []uint64{1}, make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	b, err := safetensors.Serialize(map[string]safetensors.TensorView{"w": bf16, "bn.num_batches_tracked": count}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ts, _, err := decodeBytes(b)
	if err != nil || len(ts) != 1 || !slices.Equal(ts[0].F32, []float32{1, -2.5}) {
		t.Errorf("bf16: %v, %v", ts, err)
	}
}

func FuzzDecodeTensors(f *testing.F) {
	f.Add(encoded(f, map[string]string{countersKey: "{}"}))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add(header(`{"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},"n":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}`, 16))
	f.Add(header(`{"__metadata__":{"shake.sha256":"00"},"w":{"shape":[1],"dtype":"F16","data_offsets":[0,2]}} `, 2))
	f.Add([]byte("PK\x03\x04........"))
	f.Add([]byte("\x40\x00\x00\x00\x00\x00\x00\x00" + `{"t":{"dtype":"F32","shape":[9223372036854775807,0],"data_offsets":[0,0]}} `))
	f.Fuzz(func(t *testing.T, b []byte) {
		ts, _, err := decodeBytes(b)
		if err != nil {
			return
		}
		for _, x := range ts {
			n := 1
			for _, d := range x.Shape {
				n *= d
			}
			if n != len(x.F32)+len(x.F64) {
				t.Errorf("%s: shape %v with %d values", x.Name, x.Shape, len(x.F32)+len(x.F64))
			}
		}
	})
}

func TestFit(t *testing.T) {
	one := func(name string, n int) engine.Tensor {
		return engine.Tensor{Name: name, Shape: []int{n}, F32: make([]float32, n)}
	}
	state := []engine.Tensor{
		one("w", 2), one("momentum/w", 2), one("replica0/bn.running_mean", 1), one("replica1/bn.running_mean", 1),
	}
	for _, c := range []struct {
		name  string
		have  []engine.Tensor
		whole bool
		set   int
		left  int
		err   *WeightsError
	}{
		{"a model", []engine.Tensor{one("w", 2), one("bn.running_mean", 1)}, false, 3, 0, nil},
		{"a PyTorch model", []engine.Tensor{one("w", 2), one("bn.running_mean", 1), one("bn.num_batches_tracked", 1)}, false, 3, 0, nil},
		{"weights alone", []engine.Tensor{one("w", 2)}, false, 1, 2, nil},
		{"a checkpoint", state, true, 4, 0, nil},
		{"a checkpoint of more replicas", append(slices.Clone(state), one("replica2/bn.running_mean", 1)), false, 4, 0, nil},
		{"a model is no checkpoint", []engine.Tensor{one("w", 2)}, true, 0, 0,
			&WeightsError{File: "f", Missing: []string{"momentum/w", "replica0/bn.running_mean", "replica1/bn.running_mean"}}},
		{"all mistakes at once", []engine.Tensor{one("w", 3), one("v", 1), one("u", 1)}, false, 0, 0,
			&WeightsError{File: "f", Unknown: []string{"u", "v"}, Shapes: []string{"w: [3], want [2]"}}},
		{"nothing", nil, false, 0, 0, &WeightsError{File: "f", Missing: []string{"w"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, left, err := fit("f", c.have, state, c.whole)
			var bad *WeightsError
			errors.As(err, &bad)
			if d := cmp.Diff(c.err, bad); d != "" {
				t.Error(d)
			}
			if len(set) != c.set || left != c.left {
				t.Errorf("set %d, left %d, want %d, %d", len(set), left, c.set, c.left)
			}
		})
	}
}

func TestRunFromWeights(t *testing.T) {
	file := filepath.Join(tempDir(t), "w.safetensors")
	if err := exported(file, func(w io.Writer) error { return Export(spec(t), 7, w) }); err != nil {
		t.Fatal(err)
	}
	// Weights drawn with the run's own seed are the weights that the run would draw itself.
	fresh, given := tempDir(t), tempDir(t)
	mustRun(t, options(t, fresh))
	o := options(t, given)
	o.Weights = file
	mustRun(t, o)
	same(t, result(t, given), result(t, fresh))

	if err := exported(file, func(w io.Writer) error { return Export(spec(t), 8, w) }); err != nil {
		t.Fatal(err)
	}
	other := tempDir(t)
	o.Dir = other
	mustRun(t, o)
	if bytes.Equal(result(t, other)[WeightsFile], result(t, fresh)[WeightsFile]) {
		t.Error("the weights given make no difference")
	}

	wider, err := (&dsl.Loader{}).Parse("wider.toml", []byte(strings.Replace(toyNet, "width = 4", "width = 6", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := exported(file, func(w io.Writer) error { return Export(wider, 8, w) }); err != nil {
		t.Fatal(err)
	}
	o.Dir = tempDir(t)
	var bad *WeightsError
	if _, err := Run(t.Context(), o); !errors.As(err, &bad) || len(bad.Shapes) == 0 {
		t.Errorf("weights of another width: %v", err)
	}
	o.Weights = "" // a run that failed before it began is no obstacle
	mustRun(t, o)
}

func TestEvaluate(t *testing.T) {
	dir := tempDir(t)
	o := options(t, dir)
	s := mustRun(t, o)
	e, err := Predict(t.Context(), o.Spec, toy{bad: -1}, filepath.Join(dir, WeightsFile), o.Test, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.TestError != s.TestError || e.TestLoss != s.TestLoss || e.Images != 11 {
		t.Errorf("have %+v, want what the run said: %+v", e, s)
	}
	copied := filepath.Join(tempDir(t), "copy.safetensors")
	if err := exported(copied, func(w io.Writer) error { return ExportRun(spec(t), dir, WeightsFile, w) }); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(filepath.Join(dir, WeightsFile))
	b, _ := os.ReadFile(copied)
	if !bytes.Equal(a, b) {
		t.Error("the export differs from the run's weights")
	}
	a[len(a)-1] ^= 1
	os.WriteFile(filepath.Join(dir, WeightsFile), a, 0o666)
	var bad *Corrupt
	if err := exported(copied, func(w io.Writer) error { return ExportRun(spec(t), dir, WeightsFile, w) }); !errors.As(err, &bad) {
		t.Errorf("damaged weights were exported: %v", err)
	}
	if _, err := Predict(t.Context(), o.Spec, toy{bad: -1}, filepath.Join(dir, WeightsFile), o.Test, nil); !errors.As(err, &bad) {
		t.Errorf("damaged weights were evaluated: %v", err)
	}
}

// TestEvaluatePieces checks that the test set runs in the pieces that the program asks for, else in
// batches.
func TestEvaluatePieces(t *testing.T) {
	o := options(t, tempDir(t))
	mustRun(t, o)
	weights, n, batch := filepath.Join(o.Dir, WeightsFile), o.Test.N, o.Spec.Train.Batch
	for _, c := range []struct{ piece, want int }{{0, (n + batch - 1) / batch}, {n - 1, 2}, {1000, 1}} {
		calls := 0
		e, err := Predict(t.Context(), o.Spec, toy{bad: -1, piece: c.piece, onEval: func(int) { calls++ }}, weights, o.Test, nil)
		if err != nil || calls != c.want || e.Images != n {
			t.Errorf("pieces of %d: want %d calls for %d images, have %d, %+v, %v", c.piece, c.want, n, calls, e, err)
		}
	}
}

// TestSafetensorsTorch has PyTorch read the files of Export and Run. SHAKE_PYTHON names a Python
// with torch, numpy and safetensors.
func TestSafetensorsTorch(t *testing.T) {
	python := os.Getenv("SHAKE_PYTHON")
	if python == "" {
		t.Skip("SHAKE_PYTHON is not set: see make test-torch")
	}
	dir := tempDir(t)
	o := options(t, dir)
	mustRun(t, o)
	fresh := filepath.Join(dir, "fresh.safetensors")
	if err := exported(fresh, func(w io.Writer) error { return Export(o.Spec, 1, w) }); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(generations(t, dir), fresh, filepath.Join(dir, WeightsFile)) {
		ts, _, err := readTensors(file, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(python, filepath.Join("testdata", "load_safetensors.py"), file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", file, err, out)
		}
		if d := cmp.Diff(described(ts), string(out)); d != "" {
			t.Errorf("%s: what PyTorch reads differs: %s", file, d)
		}
	}
}

// described is the output of testdata/load_safetensors.py: a line for each tensor, by name, with
// its shape and the bits of its values hashed.
func described(ts []engine.Tensor) string {
	var b strings.Builder
	slices.SortFunc(ts, func(a, b engine.Tensor) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range ts {
		fmt.Fprintf(&b, "%s %v %08x\n", x.Name, x.Shape, crc32.ChecksumIEEE(view{t: x}.Data()))
	}
	return b.String()
}

// exported gives a file the content that f writes.
func exported(file string, f func(io.Writer) error) error {
	var b bytes.Buffer
	if err := f(&b); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
