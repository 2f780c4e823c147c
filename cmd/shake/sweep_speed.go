package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"shake/dsl"
	"shake/internal/experiment"
)

// speed is the measured speed of a row's network.
type speed struct {
	row    *dsl.Spec
	images float64 // a second
}

// fits tells whether the speed is that of another row too: networks, images, batches and workers
// are alike.
func (s speed) fits(o *dsl.Spec) bool {
	shape := func(d dsl.Data) dsl.Data {
		return dsl.Data{Size: d.Size, Channels: d.Channels, Count: d.Count}
	}
	return s.row.Train.Batch == o.Train.Batch && s.row.Train.Workers == o.Train.Workers && s.row.Engine == o.Engine &&
		shape(s.row.Data) == shape(o.Data) && reflect.DeepEqual(s.row.Net, o.Net)
}

// dryShort and dryLong are the steps of the two measured runs. The difference of their times is
// free of the cost of a start.
const (
	dryShort = 1
	dryLong  = 3
)

// speedOf measures the row's network, unless it is measured already.
func (a *app) speedOf(ctx context.Context, measured *[]speed, f sweepFlags, row *dsl.Row) (float64, error) {
	for _, m := range *measured {
		if m.fits(row.Spec) {
			return m.images, nil
		}
	}
	fmt.Fprintf(a.err, "measuring %s\n", row.Model)
	dir, err := os.MkdirTemp("", "shake-speed-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, experiment.NetFile)
	spec := *row.Spec
	d := &spec.Data
	d.TrainImages, d.TestImages, d.Validation, d.Split = (dryShort+dryLong)*spec.Train.Batch, 1, 0, "last"
	var images []string // the flag that names them, if they have a size of their own
	if d.Set != "images" {
		d.Set = "synthetic"
	} else {
		images = []string{"--data", filepath.Join(dir, "images.npz")}
		if err := writeMadeUp(images[1], *d); err != nil {
			return 0, fmt.Errorf("writing made-up images: %w", err)
		}
	}
	if err := os.WriteFile(file, spec.TOML(), 0o600); err != nil {
		return 0, err
	}
	out := filepath.Join(dir, "run")
	perSecond := 0.0
	for _, c := range []struct {
		steps int
		net   []string
	}{{dryShort, []string{file, "--out", out}}, {dryShort + dryLong, []string{"--resume", out}}} {
		args := append([]string{"run"}, c.net...)
		args = append(args, images...)
		args = append(args, "-o", fmt.Sprintf("train.max_steps=%d", c.steps), "--device", f.device, "--json")
		if err := experiment.Child(ctx, program, args, nil, nil, func(line []byte) {
			var end struct {
				Event  string
				Images float64 `json:"images_per_second"`
			}
			if json.Unmarshal(line, &end) == nil && end.Event == "end" {
				perSecond = end.Images
			}
		}); err != nil {
			return 0, err
		}
	}
	if perSecond <= 0 {
		return 0, errors.New("no speed in what the run said: " + strings.Join(row.Overrides, " "))
	}
	*measured = append(*measured, speed{row.Spec, perSecond})
	return perSecond, nil
}

// writeMadeUp writes images of no sense, in the number that d asks for, as numpy.savez does. The
// last image of a part is of the last class, by which a reader counts the classes.
func writeMadeUp(path string, d dsl.Data) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range []struct {
		name string
		n    int
	}{{"train", d.TrainImages}, {"test", 1}} {
		pixels, labels := make([]byte, part.n*d.Size*d.Size*d.Channels), make([]byte, 0, 2*part.n)
		draw := rand.NewPCG(1, 1)
		for i := range pixels {
			pixels[i] = byte(draw.Uint64() >> 56)
		}
		for i := range part.n - 1 {
			labels = binary.LittleEndian.AppendUint16(labels, uint16(i%d.Count))
		}
		labels = binary.LittleEndian.AppendUint16(labels, uint16(d.Count-1))
		shape := fmt.Sprintf("(%d, %d, %d, %d)", part.n, d.Size, d.Size, d.Channels)
		if err := errors.Join(addArray(z, part.name+"_images", "|u1", shape, pixels), addArray(z, part.name+"_labels", "<u2", fmt.Sprintf("(%d,)", part.n), labels)); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// addArray adds an array in NumPy's format 1.0.
func addArray(z *zip.Writer, name, kind, shape string, data []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
	if err != nil {
		return err
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	_, err = w.Write(append(append(binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head))), head...), data...))
	return err
}
