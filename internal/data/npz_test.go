package data

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npy is an array in NumPy's format 1.0.
func npy(descr, shape string, data []byte) []byte {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(h)))
	return append(append(b, h...), data...)
}

func npz(t *testing.T, arrays map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range arrays {
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	z.Close()
	path := filepath.Join(t.TempDir(), "set.npz")
	writeFile(t, path, b.Bytes())
	return path
}

// TestArrays: the last dimension becomes planes, labels are of any type, N or N×1.
func TestArrays(t *testing.T) {
	pix := make([]byte, 3*8*8*3)
	for i := range pix {
		pix[i] = byte(i)
	}
	labels := []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	path := npz(t, map[string][]byte{
		"train_images": npy("|u1", "(3, 8, 8, 3)", pix), "train_labels": npy("<i8", "(3,)", labels),
		"test_images": npy("|u1", "(1, 8, 8, 3)", pix[192:384]), "test_labels": npy(">u2", "(1, 1)", []byte{0, 2}),
	})
	train, test, names, _, err := Own(path, OwnOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if train.N != 3 || train.C != 3 || train.H != 8 || train.Classes != 3 || !slices.Equal(train.Labels, []uint16{1, 2, 0}) || test.Labels[0] != 2 || names != nil {
		t.Fatalf("%+v %+v", train, test)
	}
	for i, v := range []int{0, 3, 189, 1, 190, 2} {
		if at := []int{0, 1, 63, 64, 127, 128}[i]; train.Pix[at] != byte(v) {
			t.Errorf("byte %d is %d, want %d", at, train.Pix[at], v)
		}
	}
	if test.Pix[0] != 192 {
		t.Errorf("the test image begins with %d", test.Pix[0])
	}
	grey := npz(t, map[string][]byte{"train_images": npy("|u1", "(2, 9, 9)", make([]byte, 162)), "train_labels": npy("|u1", "(2,)", []byte{0, 1})})
	if train, test, _, _, err := Own(grey, OwnOptions{Size: 9, Channels: 1}); err != nil || train.C != 1 || test != nil {
		t.Errorf("grey: %+v, %v", train, err)
	}
}

func TestArrayMistakes(t *testing.T) {
	images, labels := npy("|u1", "(2, 8, 8)", make([]byte, 128)), npy("|i1", "(2,)", []byte{0, 1})
	with := func(extra ...any) map[string][]byte { // name, array, ...
		m := map[string][]byte{"train_images": images, "train_labels": labels}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i].(string)] = extra[i+1].([]byte)
		}
		return m
	}
	for name, c := range map[string]struct {
		arrays map[string][]byte
		want   string
	}{
		"no labels":      {map[string][]byte{"train_images": images}, "want an array train_labels"},
		"no images":      {map[string][]byte{"x": images}, "want an array train_images"},
		"floats":         {with("train_images", npy("<f4", "(2, 8, 8)", make([]byte, 512))), "want N×H×W or N×H×W×C bytes (numpy.uint8), have [2 8 8] of f4"},
		"not square":     {with("train_images", npy("|u1", "(2, 8, 9)", make([]byte, 144))), "want square images of 8 to 224 pixels, have 8×9"},
		"four channels":  {with("train_images", npy("|u1", "(2, 8, 8, 4)", make([]byte, 512))), "want 1 or 3 channels, the last dimension, have 4"},
		"cut off":        {with("train_images", images[:len(images)-1]), "want 128 bytes, have 127"},
		"not NumPy's":    {with("train_images", []byte("hello, world")), "want NumPy's format"},
		"negative label": {with("train_labels", npy("|i1", "(2,)", []byte{0, 255})), "label of image 1: want 0..65535, have -1"},
		"a large label":  {with("train_labels", npy("<i4", "(2,)", []byte{0, 0, 0, 0, 0, 0, 1, 0})), "label of image 1: want 0..65535, have 65536"},
		"a huge label":   {with("train_labels", npy("<u8", "(2,)", []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 128})), "label of image 1: want 0..65535, have 9223372036854775809"},
		"a gap":          {with("train_labels", npy("|i1", "(2,)", []byte{0, 3})), "train_labels: want an image of each class from 0 to the last, 3, have none of 1, 2: number the classes without gaps"},
		"many gaps":      {with("train_labels", npy("<u2", "(2,)", []byte{0, 0, 120, 230})), "the last, 59000, have none of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 58989 more"},
		"three labels":   {with("train_labels", npy("|i1", "(3,)", []byte{0, 1, 2})), "want 2 integers, one an image, have [3] of i1"},
		"one class":      {with("train_labels", npy("|i1", "(2,)", []byte{0, 0})), "want labels of at least 2 classes"},
		"a test label":   {with("test_images", images, "test_labels", npy("|i1", "(2,)", []byte{0, 7})), "label of image 1: want 0..1, as the training labels are, have 7"},
		"a test size":    {with("test_images", npy("|u1", "(1, 9, 9)", make([]byte, 81)), "test_labels", npy("|i1", "(1,)", []byte{0})), "want images of 1×8×8 like the training images', have 1×9×9"},
	} {
		path := npz(t, c.arrays)
		_, _, _, _, err := Own(path, OwnOptions{})
		var bad *ImagesError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: have %v, want %s", name, err, c.want)
		}
	}
	path := npz(t, with())
	for want, o := range map[string]OwnOptions{
		"want images of 32×32, as data.size says, have 8×8: arrays are not resized": {Size: 32},
		"want 3 channels, as data.channels says, have 1":                            {Channels: 3},
	} {
		if _, _, _, _, err := Own(path, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
	writeFile(t, path, []byte("no archive"))
	if _, _, _, _, err := Own(path, OwnOptions{}); err == nil || !strings.Contains(err.Error(), "want a .npz file, as numpy.savez writes it") {
		t.Errorf("no archive: %v", err)
	}
}

// FuzzArray: any bytes are an array of the size that they say, or an error.
func FuzzArray(f *testing.F) {
	f.Add(npy("|u1", "(2, 8, 8)", make([]byte, 128)))
	f.Add(npy("<i8", "(1,)", make([]byte, 8)))
	f.Add(npy("<i8", "()", make([]byte, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := readNPY(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := a.width
		for _, d := range a.shape {
			n *= d
		}
		if n != len(a.data) {
			t.Fatalf("%v of %d bytes over %d", a.shape, a.width, len(a.data))
		}
		if im, err := a.images(OwnOptions{}); err == nil && len(im.Pix) != im.N*im.C*im.H*im.W {
			t.Fatalf("%+v", im)
		}
		if len(a.shape) > 0 {
			a.labels(a.shape[0])
		}
	})
}
