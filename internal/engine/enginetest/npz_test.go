package enginetest

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// npy writes a NumPy 1.0 file of that header and body.
func npy(header string, body ...byte) []byte {
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(header)))
	return append(append(out, header...), body...)
}

func TestReadNPY(t *testing.T) {
	const f8 = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }   \n"
	numbers := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(-1.5)), math.Float64bits(3))
	for _, c := range []struct {
		name string
		data []byte
		want []float64
		err  string
	}{
		{"float64", npy(f8, numbers...), []float64{-1.5, 3}, ""},
		{"bytes", npy(strings.Replace(f8, "<f8", "|u1", 1), 7, 255), []float64{7, 255}, ""},
		{"empty", npy(strings.Replace(f8, "(2,)", "(0,)", 1)), []float64{}, ""},
		{"cut off", npy(f8, numbers[1:]...), nil, "15 bytes"},
		{"matrix", npy(strings.Replace(f8, "(2,)", "(2, 1)", 1), numbers...), nil, "want a vector"},
		{"float32", npy(strings.Replace(f8, "<f8", "<f4", 1), numbers[:8]...), nil, "want a vector"},
		{"no shape", npy(strings.Replace(f8, "(2,)", "()", 1), numbers...), nil, "want a vector"},
		{"huge", npy(strings.Replace(f8, "(2,)", "(9223372036854775807,)", 1), numbers...), nil, "want a vector"},
		{"header beyond the end", []byte("\x93NUMPY\x01\x00\xff\xff"), nil, "ends at"},
		{"foreign", []byte("PK\x03\x04 and more"), nil, "NumPy format 1.0"},
		{"nothing", nil, nil, "NumPy format 1.0"},
	} {
		have, err := readNPY(c.data)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !slices.Equal(have, c.want) {
			t.Errorf("%s: want %v and error %q, have %v, %v", c.name, c.want, c.err, have, err)
		}
	}
}

func FuzzReadNPZ(f *testing.F) {
	data, err := testdata.ReadFile("testdata/branches-1.npz")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
	for _, header := range []string{
		"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }   \n", "{'descr': '|u1', 'fortran_order': False, 'shape': (16,), }\n",
		"{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693953,), }\n",
	} {
		f.Add(npy(header, make([]byte, 16)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		readNPZ(data)
		readNPY(data)
	})
}

// TestDistance: NaN is never near, small tensors count relative to their kind.
func TestDistance(t *testing.T) {
	names := []string{"a", "b"}
	want := []float64{100, 100, 0, 0}
	for _, c := range []struct {
		name string
		b    []float64
		min  float64
		max  float64
	}{
		{"equal", []float64{0, 0}, 0, 0},
		{"rounding about zero", []float64{1e-7, 1e-7}, 1e-7, 2e-7},
		{"not a number", []float64{math.NaN(), 0}, math.NaN(), 0},
	} {
		d := distance(t, map[string][]float64{"a": {100, 100}, "b": c.b}, names, want)
		if math.IsNaN(c.min) != math.IsNaN(d) || d < c.min || d > c.max && !math.IsNaN(d) {
			t.Errorf("%s: want %v to %v, have %v", c.name, c.min, c.max, d)
		}
	}
}
