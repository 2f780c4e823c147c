package data

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"shake/internal/engine"
)

// maxArray is the largest array of a .npz, in bytes.
const maxArray = 1 << 36

var (
	npyHeader = regexp.MustCompile(`^\{\s*'descr':\s*'([<|>=])([a-z])([0-9]+)',\s*'fortran_order':\s*(False|True),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)
	labelKind = map[string]bool{"i": true, "u": true}
)

// array is one of a .npz.
type array struct {
	shape []int
	kind  string // "u", "i", "f", ...
	width int    // bytes of a number
	big   bool   // most significant byte first
	data  []byte
}

func ownArrays(path string, o OwnOptions) (train, test *engine.Images, names []string, note string, err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, nil, "", &ImagesError{Path: path, Detail: "want a .npz file, as numpy.savez writes it", Err: err}
	}
	defer z.Close()
	members := map[string]*zip.File{}
	for _, f := range z.File {
		members[strings.TrimSuffix(f.Name, ".npy")] = f
	}
	if train, err = readPair(path, members, "train", o); err != nil {
		return nil, nil, nil, "", err
	}
	if members["test_images"] != nil || members["test_labels"] != nil {
		if test, err = readPair(path, members, "test", o); err != nil {
			return nil, nil, nil, "", err
		}
		if test.C != train.C || test.H != train.H {
			return nil, nil, nil, "", &ImagesError{Path: path + ": test_images", Detail: fmt.Sprintf("want images of %d×%d×%d like the training images', have %d×%d×%d", train.C, train.H, train.W, test.C, test.H, test.W)}
		}
		test.Classes = train.Classes
		for i, label := range test.Labels {
			if int(label) >= train.Classes {
				return nil, nil, nil, "", &ImagesError{Path: path + ": test_labels", Detail: fmt.Sprintf("label of image %d: want 0..%d, as the training labels are, have %d", i, train.Classes-1, label)}
			}
		}
	}
	return train, test, nil, noteOf(train.Classes, train.H, train.C), nil
}

// noteOf describes own images in a line.
func noteOf(classes, size, channels int) string {
	s := ""
	if channels != 1 {
		s = "s"
	}
	return fmt.Sprintf("%d classes, %d×%d pixels, %d channel%s", classes, size, size, channels, s)
}

// readPair reads the images and labels of one part.
func readPair(path string, members map[string]*zip.File, part string, o OwnOptions) (*engine.Images, error) {
	images, err := readMember(path, members, part+"_images")
	if err != nil {
		return nil, err
	}
	im, err := images.images(o)
	if err != nil {
		return nil, &ImagesError{Path: path + ": " + part + "_images", Detail: err.Error()}
	}
	labels, err := readMember(path, members, part+"_labels")
	if err != nil {
		return nil, err
	}
	if im.Labels, err = labels.labels(im.N); err != nil {
		return nil, &ImagesError{Path: path + ": " + part + "_labels", Detail: err.Error()}
	}
	for _, l := range im.Labels {
		im.Classes = max(im.Classes, int(l)+1)
	}
	if part == "train" && im.Classes < 2 {
		return nil, &ImagesError{Path: path + ": " + part + "_labels", Detail: "want labels of at least 2 classes, 0 and 1, have 1"}
	}
	if gaps := without(im); part == "train" && len(gaps) > 0 {
		return nil, &ImagesError{Path: path + ": " + part + "_labels", Detail: fmt.Sprintf("want an image of each class from 0 to the last, %d, have none of %s: number the classes without gaps", im.Classes-1, few(gaps, nil))}
	}
	return im, nil
}

func readMember(path string, members map[string]*zip.File, name string) (*array, error) {
	f := members[name]
	if f == nil {
		return nil, &ImagesError{Path: path, Detail: "want an array " + name + ": numpy.savez(file, train_images=..., train_labels=..., test_images=..., test_labels=...)"}
	}
	r, err := f.Open()
	if err == nil {
		defer r.Close()
		var a *array
		if a, err = readNPY(r); err == nil {
			return a, nil
		}
	}
	return nil, &ImagesError{Path: path + ": " + name, Detail: "the array cannot be read", Err: err}
}

// readNPY reads an array in NumPy's format 1.0 or 2.0.
func readNPY(r io.Reader) (*array, error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("want NumPy's format, have %q", head[:6])
	}
	length := int(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 {
		var more [2]byte
		if _, err := io.ReadFull(r, more[:]); err != nil {
			return nil, err
		}
		length |= int(binary.LittleEndian.Uint16(more[:])) << 16
	}
	if length > 1<<16 {
		return nil, fmt.Errorf("a header of %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	m := npyHeader.FindStringSubmatch(string(text))
	if m == nil || m[4] == "True" {
		return nil, fmt.Errorf("want a plain array in C order (numpy.ascontiguousarray), have %q", strings.TrimSpace(string(text)))
	}
	a := &array{kind: m[2], big: m[1] == ">"}
	a.width, _ = strconv.Atoi(m[3])
	size := int64(a.width)
	for _, d := range strings.FieldsFunc(m[5], func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(d)
		if err != nil || n < 1 || size > maxArray/int64(n) {
			return nil, fmt.Errorf("a shape of (%s)", m[5])
		}
		a.shape, size = append(a.shape, n), size*int64(n)
	}
	if size < 1 || a.width > 8 {
		return nil, fmt.Errorf("numbers of %d bytes", a.width)
	}
	var err error
	if a.data, err = io.ReadAll(io.LimitReader(r, size+1)); err == nil && int64(len(a.data)) != size {
		err = fmt.Errorf("want %d bytes, have %d", size, len(a.data))
	}
	return a, err
}

// images turns N×H×W or N×H×W×C bytes into planes.
func (a *array) images(o OwnOptions) (*engine.Images, error) {
	if a.kind != "u" || a.width != 1 || len(a.shape) != 3 && len(a.shape) != 4 {
		return nil, fmt.Errorf("want N×H×W or N×H×W×C bytes (numpy.uint8), have %v of %s%d", a.shape, a.kind, a.width)
	}
	n, h, w, c := a.shape[0], a.shape[1], a.shape[2], 1
	if len(a.shape) == 4 {
		c = a.shape[3]
	}
	switch {
	case c != 1 && c != 3:
		return nil, fmt.Errorf("want 1 or 3 channels, the last dimension, have %d", c)
	case h != w || h < 8 || h > 224:
		return nil, fmt.Errorf("want square images of 8 to 224 pixels, have %d×%d", h, w)
	case o.Size != 0 && o.Size != h:
		return nil, fmt.Errorf("want images of %d×%d, as data.size says, have %d×%d: arrays are not resized", o.Size, o.Size, h, w)
	case o.Channels != 0 && o.Channels != c:
		return nil, fmt.Errorf("want %d channels, as data.channels says, have %d", o.Channels, c)
	}
	im := &engine.Images{N: n, C: c, H: h, W: w, Pix: a.data}
	if c == 1 {
		return im, nil
	}
	im.Pix = make([]byte, len(a.data))
	plane := h * w
	for i := range n {
		for p := range plane {
			for k := range c {
				im.Pix[(i*c+k)*plane+p] = a.data[(i*plane+p)*c+k]
			}
		}
	}
	return im, nil
}

// labels reads n integers, in one dimension or in n×1.
func (a *array) labels(n int) ([]uint16, error) {
	if !labelKind[a.kind] || len(a.shape) == 0 || a.shape[0] != n || len(a.data) != n*a.width {
		return nil, fmt.Errorf("want %d integers, one an image, have %v of %s%d", n, a.shape, a.kind, a.width)
	}
	out := make([]uint16, n)
	for i := range out {
		v := a.integer(i)
		if v < 0 || v >= maxClasses {
			have := strconv.FormatInt(v, 10)
			if a.kind == "u" {
				have = strconv.FormatUint(uint64(v), 10)
			}
			return nil, fmt.Errorf("label of image %d: want 0..%d, have %s", i, maxClasses-1, have)
		}
		out[i] = uint16(v)
	}
	return out, nil
}

// integer is number i; unsigned ones beyond the signed range are negative.
func (a *array) integer(i int) int64 {
	var v uint64
	for k, b := range a.data[i*a.width : (i+1)*a.width] {
		shift := 8 * k
		if a.big {
			shift = 8 * (a.width - 1 - k)
		}
		v |= uint64(b) << shift
	}
	if free := 64 - 8*a.width; a.kind == "i" {
		return int64(v<<free) >> free
	}
	return int64(v)
}
