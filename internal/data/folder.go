package data

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the formats of a folder
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/image/draw"

	"shake/internal/engine"
	"shake/internal/files"
)

// maxSide and maxFile bound an image to decode: a foreign file could ask for any memory.
const (
	maxSide = 1 << 14
	maxFile = 256 << 20
)

// picture is one file of a folder of images.
type picture struct {
	rel   string // path within the folder, with slashes
	label int
	size  int64
	time  int64 // of its last change, in nanoseconds
}

// listing is every picture of a folder, in the order in which they are used.
type listing struct {
	root        string
	names       []string // of the classes
	train, test []picture
}

func ownFolder(root string, o OwnOptions) (train, test *engine.Images, names []string, note string, err error) {
	l, err := list(root)
	if err != nil {
		return nil, nil, nil, "", err
	}
	note = noteOf(len(l.names), o.Size, o.Channels)
	cache := l.cacheFile(o)
	if train, test = readCache(cache, l, o); train != nil {
		return train, test, l.names, note + ", from the cache " + cache, nil
	}
	if train, err = l.decode(l.train, o); err != nil {
		return nil, nil, nil, "", err
	}
	if len(l.test) > 0 {
		if test, err = l.decode(l.test, o); err != nil {
			return nil, nil, nil, "", err
		}
	}
	again, err := list(root)
	if err != nil || again.cacheFile(o) != cache {
		return nil, nil, nil, "", &ImagesError{Path: root, Detail: "the folder changed while it was read: begin again when nothing writes there", Err: err}
	}
	if err := writeCache(cache, train, test); err != nil {
		note += fmt.Sprintf(", not cached (%v)", err)
	}
	return train, test, l.names, note, nil
}

// list finds the classes and files of a folder.
func list(root string) (*listing, error) {
	l := &listing{root: root}
	split := isDir(filepath.Join(root, "train"))
	folder := root
	if split {
		folder = filepath.Join(root, "train")
	}
	var err error
	if l.names, err = classFolders(folder); err != nil {
		return nil, err
	}
	if l.train, err = l.pictures(folder, l.names); err != nil {
		return nil, err
	}
	if test := filepath.Join(root, "test"); split && isDir(test) {
		tested, err := classFolders(test)
		if err != nil {
			return nil, err
		}
		for _, name := range tested {
			if !slices.Contains(l.names, name) {
				return nil, &ImagesError{Path: filepath.Join(test, name), Detail: "the training images have no such class"}
			}
		}
		if l.test, err = l.pictures(test, tested); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// classFolders are the names of the folders in a folder, sorted. Hidden ones are no classes.
func classFolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &ImagesError{Path: dir, Detail: "the folder cannot be read", Err: err}
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && isDir(filepath.Join(dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	if len(names) < 2 || len(names) > maxClasses {
		return nil, &ImagesError{Path: dir, Detail: fmt.Sprintf("want 2 to %d folders, one for each class, have %d", maxClasses, len(names))}
	}
	return names, nil
}

// pictures lists the files of class folders.
func (l *listing) pictures(dir string, classes []string) ([]picture, error) {
	var all []picture
	for _, name := range classes {
		folder := filepath.Join(dir, name)
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, &ImagesError{Path: folder, Detail: "the folder cannot be read", Err: err}
		}
		before := len(all)
		for _, e := range entries {
			if !isPicture(e.Name()) {
				continue
			}
			path := filepath.Join(folder, e.Name())
			info, err := os.Stat(path)
			if err == nil {
				err = files.Regular(path, info)
			}
			if err != nil {
				return nil, &ImagesError{Path: path, Detail: "want a PNG or JPEG file", Err: err}
			}
			rel, _ := filepath.Rel(l.root, path)
			all = append(all, picture{filepath.ToSlash(rel), slices.Index(l.names, name), info.Size(), info.ModTime().UnixNano()})
		}
		if len(all) == before {
			return nil, &ImagesError{Path: folder, Detail: "want PNG or JPEG files (.png, .jpg, .jpeg) of the class, have none"}
		}
	}
	order := map[string][sha256.Size]byte{}
	for _, p := range all {
		order[p.rel] = sha256.Sum256([]byte(p.rel))
	}
	slices.SortFunc(all, func(a, b picture) int {
		x, y := order[a.rel], order[b.rel]
		return bytes.Compare(x[:], y[:])
	})
	return all, nil
}

func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

// decode reads pictures, several at a time. The error is that of the first one that is wrong.
func (l *listing) decode(pictures []picture, o OwnOptions) (*engine.Images, error) {
	im := &engine.Images{N: len(pictures), C: o.Channels, H: o.Size, W: o.Size, Classes: len(l.names),
		Pix: make([]byte, len(pictures)*o.Channels*o.Size*o.Size), Labels: make([]uint16, len(pictures))}
	errs := make([]error, len(pictures))
	size := o.Channels * o.Size * o.Size
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(pictures); i += workers {
				im.Labels[i] = uint16(pictures[i].label)
				path := filepath.Join(l.root, filepath.FromSlash(pictures[i].rel))
				if err := decodeFile(im.Pix[i*size:(i+1)*size], path, o); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return im, nil
}

// decodeFile writes the planes of one image file, cut to a square and scaled.
func decodeFile(to []byte, path string, o OwnOptions) error {
	wrong := func(detail string, err error) error { return &ImagesError{Path: path, Detail: detail, Err: err} }
	b, err := files.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return wrong("the file is gone: the folder changed while it was read", nil)
	}
	if err != nil {
		return wrong("the file cannot be read", err)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return wrong("the image cannot be decoded", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
		return wrong(fmt.Sprintf("want 1 to %d pixels a side, have %d×%d", maxSide, c.Width, c.Height), nil)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return wrong("the image cannot be decoded", err)
	}
	planes(to, squared(img, o.Size), o)
	return nil
}

// squared is the square in the middle of an image, scaled to size×size pixels, on black.
func squared(img image.Image, size int) *image.RGBA {
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	corner := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	from := image.Rectangle{corner, corner.Add(image.Pt(side, side))}
	out := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.Draw(out, out.Bounds(), image.Black, image.Point{}, draw.Src)
	if side == size {
		draw.Draw(out, out.Bounds(), img, corner, draw.Over)
	} else {
		draw.CatmullRom.Scale(out, out.Bounds(), img, from, draw.Over, nil)
	}
	return out
}

// planes writes the planes of an image: red, green and blue, or grey.
func planes(to []byte, img *image.RGBA, o OwnOptions) {
	plane := o.Size * o.Size
	for i := range plane {
		p := img.Pix[4*i : 4*i+3]
		if o.Channels == 1 {
			to[i] = color.GrayModel.Convert(color.RGBA{p[0], p[1], p[2], 255}).(color.Gray).Y
			continue
		}
		to[i], to[plane+i], to[2*plane+i] = p[0], p[1], p[2]
	}
}
