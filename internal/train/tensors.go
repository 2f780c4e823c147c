package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/nlpodyssey/safetensors"

	"shake/internal/engine"
)

// checksumKey is the metadata entry of a safetensors file that holds the SHA-256 of the file itself, taken while the entry's 64 digits are zeros.
const checksumKey = "shake.sha256"

var zeroSum = strings.Repeat("0", 2*sha256.Size)

// view presents a tensor to the encoder, which asks for its bytes only when it writes them.
type view struct {
	t  engine.Tensor
	dt safetensors.DType
}

func (v view) DType() safetensors.DType { return v.dt }

func (v view) Shape() []uint64 {
	s := make([]uint64, len(v.t.Shape))
	for i, d := range v.t.Shape {
		s[i] = uint64(d)
	}
	return s
}

func (v view) DataLen() uint64 { return v.dt.Size() * uint64(len(v.t.F32)+len(v.t.F64)) }

func (v view) Data() []byte {
	b := make([]byte, 0, v.DataLen())
	for _, x := range v.t.F32 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	for _, x := range v.t.F64 {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// encodeTensors writes ts as one safetensors file with a checksum of itself: F32 and F64 as they are, in the order of the format (wider
// types first, then by name), so equal tensors and metadata give equal bytes.
func encodeTensors(w io.Writer, ts []engine.Tensor, meta map[string]string) error {
	views := make(map[string]view, len(ts))
	for _, t := range ts {
		v := view{t, safetensors.F32}
		if t.F64 != nil {
			v.dt = safetensors.F64
		}
		views[t.Name] = v
	}
	info := map[string]string{checksumKey: zeroSum}
	for k, v := range meta {
		info[k] = v
	}
	h := sha256.New()
	if err := safetensors.SerializeToWriter(views, info, h); err != nil {
		return err
	}
	info[checksumKey] = hex.EncodeToString(h.Sum(nil))
	return safetensors.SerializeToWriter(views, info, w)
}

// readTensors reads a safetensors file: tensors of type F64, F32, F16 and BF16 (the last two become F32; tensors of other types are
// left out), and the file's metadata. A file that is damaged, by its structure or by its checksum if it has one, is *Corrupt.
func readTensors(file string) ([]engine.Tensor, map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	ts, meta, err := decodeTensors(b)
	if err != nil {
		return nil, nil, &Corrupt{File: file, Detail: err.Error(), Remedy: "the file is truncated, damaged, or no safetensors file: get or export it again"}
	}
	return ts, meta, nil
}

// decodeTensors is readTensors on bytes. It overwrites the checksum's digits in b.
func decodeTensors(b []byte) ([]engine.Tensor, map[string]string, error) {
	n, header, err := safetensors.ReadMetadata(b)
	if err != nil {
		return nil, nil, err
	}
	st, err := safetensors.Deserialize(b)
	if err != nil {
		return nil, nil, err
	}
	meta := header.Metadata()
	if sum, ok := meta[checksumKey]; ok {
		if err := verify(b, int(n)+8, sum); err != nil {
			return nil, nil, err
		}
	}
	var ts []engine.Tensor
	for _, v := range st.Tensors() {
		shape, data := v.TensorView.Shape(), v.TensorView.Data()
		t := engine.Tensor{Name: v.Name, Shape: make([]int, len(shape))}
		for i, d := range shape {
			if d > math.MaxInt32 {
				return nil, nil, fmt.Errorf("tensor %s: dimension %d", v.Name, d)
			}
			t.Shape[i] = int(d)
		}
		switch v.TensorView.DType() {
		case safetensors.F64:
			t.F64 = decode(data, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
		case safetensors.F32:
			t.F32 = decode(data, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
		case safetensors.BF16:
			t.F32 = decode(data, 2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) })
		case safetensors.F16:
			t.F32 = decode(data, 2, func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) })
		default:
			continue
		}
		ts = append(ts, t)
	}
	return ts, meta, nil
}

// verify checks the SHA-256 of the whole file against sum, whose digits stand within the first header bytes of b.
func verify(b []byte, header int, sum string) error {
	quoted := []byte(`"` + checksumKey + `":"`)
	at := bytes.Index(b[:header], append(quoted, sum...))
	if at < 0 || len(sum) != len(zeroSum) {
		return fmt.Errorf("its checksum is not readable")
	}
	copy(b[at+len(quoted):], zeroSum)
	if have := sha256.Sum256(b); hex.EncodeToString(have[:]) != sum {
		return fmt.Errorf("its checksum does not match its contents")
	}
	return nil
}

func decode[T float32 | float64](b []byte, size int, f func([]byte) T) []T {
	x := make([]T, len(b)/size)
	for i := range x {
		x[i] = f(b[i*size:])
	}
	return x
}

// half converts an IEEE 754 binary16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0:
		x := float32(frac) / (1 << 24)
		if sign != 0 {
			x = -x
		}
		return x
	}
	return math.Float32frombits(sign | uint32(exp+112)<<23 | frac<<13)
}
