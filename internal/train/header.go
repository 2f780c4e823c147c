package train

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/nlpodyssey/safetensors"
)

// The header of a safetensors file is a JSON object behind its length in eight bytes. It has the
// type, shape and place of every tensor among the bytes that follow, and under "__metadata__" an
// object of strings. The reader works token by token. A foreign file is therefore refused at its
// first mistake, with the mistake's place, and takes little more memory than it has bytes.

const (
	// bytes; the checkpoint of the largest built-in network has a header of 0.1 MiB
	maxHeader = 16 << 20
	maxDims   = 8 // of a tensor
)

// entry is a tensor of a header.
type entry struct {
	name       string
	dt         safetensors.DType
	shape      []int
	begin, end int64 // place of its bytes, counted from behind the header
}

// headerReader reads a header, whose first byte is the file's ninth.
type headerReader struct {
	dec *json.Decoder
}

// wrong is an error with the current place of the reader.
func (h headerReader) wrong(format string, args ...any) error {
	return fmt.Errorf("offset %d: %s", 8+h.dec.InputOffset(), fmt.Sprintf(format, args...))
}

// parseHeader reads a header's text.
func parseHeader(text []byte) (meta map[string]string, entries []entry, err error) {
	h := headerReader{json.NewDecoder(bytes.NewReader(text))}
	h.dec.UseNumber()
	meta = map[string]string{}
	seen := map[string]bool{}
	err = h.object(func(name string) error {
		if seen[name] {
			return h.wrong("%s stands there twice", quoted(name))
		}
		seen[name] = true
		if name == "__metadata__" {
			return h.object(func(key string) (err error) {
				meta[key], err = h.text()
				return err
			})
		}
		e, err := h.entry(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := h.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, h.wrong("want nothing behind the header's object")
	}
	return meta, entries, nil
}

// entry reads {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
func (h headerReader) entry(name string) (entry, error) {
	e := entry{name: name}
	var had [3]bool
	once := func(i int) error {
		if had[i] {
			return h.wrong("tensor %s: a key stands there twice", quoted(name))
		}
		had[i] = true
		return nil
	}
	err := h.object(func(key string) error {
		switch key {
		case "dtype":
			s, err := h.text()
			if err != nil {
				return err
			}
			if e.dt, err = safetensors.ParseDType(s); err != nil {
				return h.wrong("tensor %s: unknown type %s", quoted(name), quoted(s))
			}
			return once(0)
		case "shape":
			dims, err := h.numbers(maxDims, math.MaxInt32)
			for _, d := range dims {
				e.shape = append(e.shape, int(d))
			}
			return cmp.Or(err, once(1))
		case "data_offsets":
			ends, err := h.numbers(2, math.MaxInt64)
			if err == nil && len(ends) != 2 {
				err = h.wrong("tensor %s: want two data_offsets, have %d", quoted(name), len(ends))
			}
			if err != nil {
				return err
			}
			e.begin, e.end = int64(ends[0]), int64(ends[1])
			return once(2)
		}
		return h.wrong("tensor %s: unknown key %s", quoted(name), quoted(key))
	})
	if err == nil && had != [3]bool{true, true, true} {
		err = h.wrong("tensor %s: want dtype, shape and data_offsets", quoted(name))
	}
	if e.shape == nil {
		e.shape = []int{}
	}
	return e, err
}

// object reads an object and gives each key to member, which reads the value.
func (h headerReader) object(member func(key string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	for h.dec.More() {
		key, err := h.text()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
	}
	return h.delim('}')
}

func (h headerReader) delim(want json.Delim) error {
	t, err := h.dec.Token()
	if err != nil {
		return h.wrong("want %q: %v", want.String(), err)
	}
	if t != want {
		return h.wrong("want %q, have %.40q", want.String(), fmt.Sprint(t))
	}
	return nil
}

func (h headerReader) text() (string, error) {
	t, err := h.dec.Token()
	if err != nil {
		return "", h.wrong("want a string: %v", err)
	}
	s, ok := t.(string)
	if !ok {
		return "", h.wrong("want a string, have %.40q", fmt.Sprint(t))
	}
	return s, nil
}

// numbers reads an array of at most so many whole numbers, none above limit.
func (h headerReader) numbers(most int, limit uint64) (ns []uint64, err error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	for h.dec.More() {
		t, err := h.dec.Token()
		if err != nil {
			return nil, h.wrong("want a number: %v", err)
		}
		n, err := strconv.ParseUint(fmt.Sprint(t), 10, 64)
		if _, is := t.(json.Number); !is || err != nil || n > limit {
			return nil, h.wrong("want a whole number up to %d, have %.40q", limit, fmt.Sprint(t))
		}
		if ns = append(ns, n); len(ns) > most {
			return nil, h.wrong("want at most %d numbers", most)
		}
	}
	return ns, h.delim(']')
}

// layOut sorts entries by their bytes. These must follow one another without gaps from 0 to size,
// and each entry must have as many as its shape and type take.
func layOut(entries []entry, size int64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at || e.end < at || e.end > size {
			return fmt.Errorf("tensor %s: data_offsets [%d, %d], want them from %d on and at most %d", quoted(e.name), e.begin, e.end, at, size)
		}
		need := uint64(e.dt.Size())
		for _, d := range e.shape {
			hi, lo := bits.Mul64(need, uint64(d))
			if need = lo; hi != 0 {
				need = math.MaxUint64
			}
		}
		if need != uint64(e.end-e.begin) {
			return fmt.Errorf("tensor %s: %d bytes for shape %v of %v, want %d", quoted(e.name), e.end-e.begin, e.shape, e.dt, need)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("the tensors end at byte %d, the file at %d", at, size)
	}
	return nil
}

// quoted is a name from a file in the form of messages: quoted if it is not plain, and cut.
func quoted(name string) string {
	const most = 100
	short := name
	if len(name) > most {
		short = name[:most]
	}
	q := strconv.QuoteToASCII(short)
	if q == `"`+short+`"` && name != "" {
		q = short
	}
	if len(name) > most {
		q += "..."
	}
	return q
}
