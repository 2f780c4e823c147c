package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/nlpodyssey/safetensors"

	"shake/internal/engine"
	"shake/internal/files"
	"shake/internal/graph"
)

// checksumKey is the metadata entry of a safetensors file with the SHA-256 of the file itself,
// computed while the entry's 64 digits are zeros.
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

// encodeTensors writes ts as one safetensors file with a checksum of itself. F32 and F64 keep their
// type. The order is that of the format (wider types first, then by name), so equal tensors and
// metadata give equal bytes.
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

// tensorFile is a safetensors file whose header has been read and fits its size.
type tensorFile struct {
	r       io.ReaderAt
	size    int64
	head    []byte // the header with the eight bytes before it
	meta    map[string]string
	entries []entry // in the order of their bytes
}

// openTensors reads the header of a safetensors file of so many bytes.
func openTensors(r io.ReaderAt, size int64) (*tensorFile, error) {
	head := make([]byte, min(size, 64))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) < 8 {
		return nil, fmt.Errorf("offset 0: want the eight bytes of the header's length, the file has %d bytes", size)
	}
	n := binary.LittleEndian.Uint64(head)
	// A length may begin with any bytes.
	if kind := recognize(head); kind != "" && (len(head) == 8 || head[8] != '{') {
		return nil, fmt.Errorf("offset 0: no safetensors file but %s", kind)
	}
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("offset 0: a header of %d bytes in a file of %d", n, size)
	}
	t := &tensorFile{r: r, size: size, head: make([]byte, 8+n)}
	if _, err := r.ReadAt(t.head, 0); err != nil && (err != io.EOF || size != int64(len(t.head))) {
		return nil, err
	}
	var err error
	if t.meta, t.entries, err = parseHeader(t.head[8:]); err != nil {
		return nil, err
	}
	if err := layOut(t.entries, size-int64(len(t.head))); err != nil {
		return nil, fmt.Errorf("offset 8: %w", err)
	}
	return t, nil
}

// recognize names a kind of file that is taken for weights by mistake; "" for any other file.
func recognize(head []byte) string {
	for _, k := range []struct{ start, what string }{
		{"PK\x03\x04", "a zip file, as torch.save and numpy.savez write: in Python, safetensors.torch.save_file(torch.load(FILE, weights_only=True), NEW) converts a state dict"},
		{"\x80\x02", "a pickle, as an old torch.save writes: in Python, safetensors.torch.save_file(torch.load(FILE, weights_only=True), NEW) converts a state dict"},
		{"version https://git-lfs", "a pointer of Git LFS: git lfs pull gets the file itself"},
		{"<", "a web page: was a login wanted where it was fetched?"},
		{"\x89HDF", "an HDF5 file"},
		{"\x93NUMPY", "a numpy array"},
		{"\x1f\x8b", "a gzip file: unpack it first"},
	} {
		if bytes.HasPrefix(head, []byte(k.start)) {
			return k.what
		}
	}
	return ""
}

// verify checks the SHA-256 of the whole file against the header's, if it has one.
func (t *tensorFile) verify() error {
	sum, ok := t.meta[checksumKey]
	if !ok {
		return nil
	}
	key := []byte(`"` + checksumKey + `":"`)
	at := bytes.Index(t.head, append(key, sum...))
	if at < 0 || len(sum) != len(zeroSum) {
		return fmt.Errorf("offset 8: its checksum is not readable")
	}
	head := bytes.Clone(t.head)
	copy(head[at+len(key):], zeroSum)
	h := sha256.New()
	h.Write(head)
	if _, err := io.Copy(h, io.NewSectionReader(t.r, int64(len(head)), t.size-int64(len(head)))); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return fmt.Errorf("offset %d: its checksum does not match its contents", at+len(key))
	}
	return nil
}

// tensors reads the tensors of type F64, F32, F16 and BF16, and skips the others. F16 and BF16
// become F32.
func (t *tensorFile) tensors() (ts []engine.Tensor, err error) {
	for _, e := range t.entries {
		x := engine.Tensor{Name: e.name, Shape: e.shape}
		from := io.NewSectionReader(t.r, int64(len(t.head))+e.begin, e.end-e.begin)
		switch e.dt {
		case safetensors.F64:
			x.F64, err = decode(from, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
		case safetensors.F32:
			x.F32, err = decode(from, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
		case safetensors.BF16:
			x.F32, err = decode(from, 2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) })
		case safetensors.F16:
			x.F32, err = decode(from, 2, func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) })
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %s: offset %d: %w", quoted(e.name), int64(len(t.head))+e.begin, err)
		}
		ts = append(ts, x)
	}
	return ts, nil
}

// decode reads all of r, whose size is a multiple of size, a buffer at a time.
func decode[T float32 | float64](r *io.SectionReader, size int, f func([]byte) T) ([]T, error) {
	x := make([]T, r.Size()/int64(size))
	buf := make([]byte, min(r.Size(), 1<<16))
	for i := 0; i < len(x); {
		b := buf[:min(len(buf), (len(x)-i)*size)]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		for ; len(b) > 0; b = b[size:] {
			x[i] = f(b)
			i++
		}
	}
	return x, nil
}

// readTensors reads a safetensors file: its tensors of floating point, and its metadata. It must be
// a regular file of at most limit bytes (0: any number). The header is read first; if it does not
// fit the file's size, the rest is not read. A file that is damaged, by its structure or by its
// checksum if it has one, is *Corrupt.
func readTensors(file string, limit int64) ([]engine.Tensor, map[string]string, error) {
	f, size, err := files.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if limit > 0 && size > limit {
		return nil, nil, &Corrupt{File: file, Detail: fmt.Sprintf("%d bytes, more than weights of this network can have (%d)", size, limit), Remedy: "it is another file, or of another network"}
	}
	ts, meta, err := decodeTensors(f, size)
	if err != nil {
		return nil, nil, &Corrupt{File: file, Detail: err.Error(), Remedy: "the file is truncated, damaged, or no safetensors file: get or export it again"}
	}
	return ts, meta, nil
}

// decodeTensors is readTensors of an open file.
func decodeTensors(r io.ReaderAt, size int64) ([]engine.Tensor, map[string]string, error) {
	t, err := openTensors(r, size)
	if err != nil {
		return nil, nil, err
	}
	if err := t.verify(); err != nil {
		return nil, nil, err
	}
	ts, err := t.tensors()
	return ts, t.meta, err
}

// weightsLimit is above the bytes of any weights of a program with this state, a checkpoint among
// them: every number in float64, twice.
func weightsLimit(state []engine.Tensor) int64 {
	n := int64(0)
	for _, t := range state {
		n += int64(len(t.F32) + len(t.F64))
	}
	return 16*n + maxHeader
}

// checkpointLimit is weightsLimit of a network without a program: parameters, momentum, and the
// running statistics of each replica.
func checkpointLimit(g *graph.Graph, replicas int) int64 {
	n := int64(0)
	for _, p := range g.Params {
		n += 2 * p.Elements()
	}
	for _, op := range g.Ops {
		if norm, ok := op.(*graph.Norm); ok {
			n += 2 * int64(replicas) * int64(norm.X.C)
		}
	}
	return 16*n + maxHeader
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
