package data

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"shake/dsl"
	"shake/internal/engine"
)

// ImagesError says what keeps a folder or an array file from being a data set.
type ImagesError struct {
	Path   string // of the folder or file that is wrong
	Detail string // the wanted and the present content
	Err    error  // the cause, if another package found it
}

func (e *ImagesError) Error() string {
	s := fmt.Sprintf("data: %s: %s", e.Path, e.Detail)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *ImagesError) Unwrap() error { return e.Err }

// maxClasses is the most classes of a set: a label is 16 bits.
const maxClasses = 1 << 16

// OwnOptions are the form of one's own images. 0 takes an array file's own; for a folder it is 32
// pixels and 3 channels.
type OwnOptions struct{ Size, Channels int }

// Own reads one's own images.
//
// A folder has a folder for each class with PNG and JPEG files, in its folders train and test, or
// itself, and then there are no test images. Classes are numbered in the order of their names.
// Images are in the order of the SHA-256 of their paths, so that the first ones are of all classes.
// A file is cut to the square in its middle, scaled to o.Size, and made grey for one channel;
// transparent pixels are black. The decoded pixels are kept in a cache file, in the folder that
// Fetch writes to.
//
// A file that ends in .npz is NumPy's archive of train_images, train_labels and, if there are test
// images, test_images and test_labels: images of N×H×W or N×H×W×C bytes, H = W, labels of N
// integers of any type. They are taken as they are, in their order.
//
// test is nil without test images. names are those of the classes; nil for an array file. The error
// is *ImagesError, or that of the system.
func Own(path string, o OwnOptions) (train, test *engine.Images, names []string, note string, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, nil, nil, "", &ImagesError{Path: path, Detail: "want a folder with a folder for each class, or a .npz file", Err: err}
	case info.IsDir():
		return ownFolder(path, OwnOptions{orElse(o.Size, 32), orElse(o.Channels, 3)})
	case filepath.Ext(path) == ".npz":
		return ownArrays(path, o)
	}
	return nil, nil, nil, "", &ImagesError{Path: path, Detail: "want a folder with a folder for each class, or a file that ends in .npz"}
}

func orElse(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// loadOwn is Own for a run, whose network says size, channels and number of classes.
func loadOwn(d dsl.Data, path string) (*Sets, error) {
	if path == "" {
		path = os.Getenv("SHAKE_DATA")
	}
	if path == "" {
		return nil, &ImagesError{Path: `data.set = "images"`, Detail: "--data PATH, or SHAKE_DATA, must say where they are"}
	}
	tr, te, names, note, err := Own(path, OwnOptions{d.Size, d.Channels})
	if err != nil {
		return nil, err
	}
	if tr.Classes != d.Count {
		return nil, &ImagesError{Path: path, Detail: fmt.Sprintf("want images of %d classes, as data.classes of the network says, have %d: write data.classes = %[2]d, or name other images with --data", d.Count, tr.Classes)}
	}
	if te == nil {
		te = &engine.Images{C: tr.C, H: tr.H, W: tr.W, Classes: tr.Classes}
	}
	return &Sets{Train: tr, Test: te, Names: names, Provenance: Provenance{Set: d.Set, Source: path, Note: note}}, nil
}

// Stats returns the mean and the standard deviation of every channel of im, in units of a byte: the
// values for data.mean and data.std.
func Stats(im *engine.Images) (mean, std []float64) {
	plane := im.H * im.W
	for c := range im.C {
		var counts [256]int
		for i := range im.N {
			for _, v := range im.Pix[(i*im.C+c)*plane : (i*im.C+c+1)*plane] {
				counts[v]++
			}
		}
		m, s := spread(counts[:], float64(im.N*plane))
		mean, std = append(mean, m), append(std, s)
	}
	return mean, std
}

// spread is the mean and the standard deviation of bytes that are counted.
func spread(counts []int, n float64) (mean, std float64) {
	for v, k := range counts {
		mean += float64(v) * float64(k) / n
	}
	for v, k := range counts {
		std += (float64(v) - mean) * (float64(v) - mean) * float64(k) / n
	}
	return mean, math.Sqrt(std)
}
