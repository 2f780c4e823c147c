package enginetest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxArray is the largest array that readNPY takes, in bytes.
const maxArray = 1 << 26

var npyHeader = regexp.MustCompile(`^\{'descr': '([<|][fu][0-9]+)', 'fortran_order': False, 'shape': \(([0-9]*),?\), \}\s*$`)

// readNPZ reads the arrays of a NumPy archive by name, without ".npy". Every array is
// one-dimensional.
func readNPZ(data []byte) (map[string][]float64, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("reading npz: %w", err)
	}
	arrays := map[string][]float64{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("reading npz: %s: %w", f.Name, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, maxArray))
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("reading npz: %s: %w", f.Name, err)
		}
		if arrays[strings.TrimSuffix(f.Name, ".npy")], err = readNPY(text); err != nil {
			return nil, fmt.Errorf("reading npz: %s: %w", f.Name, err)
		}
	}
	return arrays, nil
}

// readNPY reads a one-dimensional array of float64 or bytes in NumPy's format 1.0.
func readNPY(data []byte) ([]float64, error) {
	const magic = "\x93NUMPY\x01\x00"
	if len(data) < len(magic)+2 || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("want NumPy format 1.0")
	}
	end := len(magic) + 2 + int(binary.LittleEndian.Uint16(data[len(magic):]))
	if end > len(data) {
		return nil, fmt.Errorf("the header ends at %d of %d bytes", end, len(data))
	}
	m := npyHeader.FindSubmatch(data[len(magic)+2 : end])
	if m == nil {
		return nil, fmt.Errorf("want a vector of <f8 or |u1, have %q", data[len(magic)+2:end])
	}
	width := map[string]int{"<f8": 8, "|u1": 1}[string(m[1])]
	n, err := strconv.Atoi(string(m[2]))
	body := data[end:]
	if width == 0 || err != nil || n > maxArray || n*width != len(body) {
		return nil, fmt.Errorf("want a vector of <f8 or |u1, have %q over %d bytes", data[len(magic)+2:end], len(body))
	}
	out := make([]float64, n)
	for i := range out {
		if width == 1 {
			out[i] = float64(body[i])
		} else {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
		}
	}
	return out, nil
}
