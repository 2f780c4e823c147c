package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shake/dsl"
)

// oneColour is an image of w×h pixels of one colour, whose corner is not at 0.
func oneColour(w, h int, c color.NRGBA) image.Image {
	img := image.NewNRGBA(image.Rect(5, 7, 5+w, 7+h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(5+x, 7+y, c)
		}
	}
	return img
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func pngOf(img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// gallery is a folder of three classes, four training images and one test image each; the colour of
// an image is that of its class.
func gallery(t *testing.T) string {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root := t.TempDir()
	for name, c := range map[string]color.NRGBA{"red": {200, 0, 0, 255}, "green": {0, 180, 0, 255}, "blue": {0, 0, 160, 255}} {
		for i := range 4 {
			writeFile(t, filepath.Join(root, "train", name, fmt.Sprintf("%d.png", i)), pngOf(oneColour(12+i, 9, c)))
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, oneColour(8, 8, c), &jpeg.Options{Quality: 100}); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(root, "test", name, "a.JPEG"), b.Bytes())
		writeFile(t, filepath.Join(root, "train", name, "notes.txt"), []byte("no image"))
	}
	return root
}

// TestFolder: classes by name, every image of its class's colour, in a mixed order, JPEG like PNG,
// grey where asked for, and the second time from the cache.
func TestFolder(t *testing.T) {
	root := gallery(t)
	for _, o := range []OwnOptions{{8, 3}, {16, 3}, {8, 1}} {
		var first []byte
		for i, from := range []bool{false, true} {
			train, test, names, note, err := Own(root, o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(names, []string{"blue", "green", "red"}) || train.N != 12 || test.N != 3 || train.Classes != 3 || train.H != o.Size || train.C != o.Channels {
				t.Fatalf("%+v: %v, %d and %d images", o, names, train.N, test.N)
			}
			if strings.Contains(note, "from the cache") != from {
				t.Errorf("reading %d: %s", i, note)
			}
			if first != nil && !bytes.Equal(first, train.Pix) {
				t.Error("the cache has other pixels")
			}
			first = train.Pix
			plane := o.Size * o.Size
			for i, label := range train.Labels {
				p := train.Pix[i*o.Channels*plane:]
				want := [3][3]byte{{0, 0, 160}, {0, 180, 0}, {200, 0, 0}}[label]
				if o.Channels == 3 && (p[0] != want[0] || p[plane+3] != want[1] || p[2*plane+7] != want[2]) || o.Channels == 1 && p[0] != []byte{18, 106, 60}[label] {
					t.Fatalf("%+v: image %d of %s: %d %d %d", o, i, names[label], p[0], p[1], p[2])
				}
			}
			if slices.IsSorted(train.Labels) {
				t.Error("the images stand class by class")
			}
			if r := int(test.Pix[slices.Index(test.Labels, 2)*o.Channels*plane]); o.Channels == 3 && (r < 197 || r > 203) {
				t.Errorf("the red of a JPEG is %d", r)
			}
		}
	}
}

// TestSquared: the square in the middle is taken and scaled, and transparent pixels are black.
func TestSquared(t *testing.T) {
	wide := image.NewNRGBA(image.Rect(0, 0, 24, 8))
	for y := range 8 {
		for x := 8; x < 16; x++ {
			wide.SetNRGBA(x, y, color.NRGBA{100, 150, 200, 255})
		}
	}
	for _, size := range []int{8, 32} {
		img := squared(wide, size)
		for i := 0; i < len(img.Pix); i += 4 {
			if p := img.Pix[i : i+4]; !bytes.Equal(p, []byte{100, 150, 200, 255}) {
				t.Fatalf("size %d: pixel %d is %v", size, i/4, p)
			}
		}
	}
	if p := squared(oneColour(8, 8, color.NRGBA{200, 100, 50, 0}), 8).Pix; !bytes.Equal(p[:4], []byte{0, 0, 0, 255}) {
		t.Errorf("transparent is %v", p[:4])
	}
}

// TestDamagedCache: a cache with a wrong bit is passed over and written again; a file more makes
// another cache.
func TestDamagedCache(t *testing.T) {
	root := gallery(t)
	if _, _, _, _, err := Own(root, OwnOptions{8, 3}); err != nil {
		t.Fatal(err)
	}
	folder, _ := Folder()
	caches, _ := filepath.Glob(filepath.Join(folder, "images", "*.cache"))
	if len(caches) != 1 {
		t.Fatalf("caches: %v", caches)
	}
	b, _ := os.ReadFile(caches[0])
	b[100] ^= 1
	writeFile(t, caches[0], b)
	for _, from := range []bool{false, true} {
		if _, _, _, note, err := Own(root, OwnOptions{8, 3}); err != nil || strings.Contains(note, "from the cache") != from {
			t.Errorf("%s, %v", note, err)
		}
	}
	writeFile(t, filepath.Join(root, "train", "red", "9.png"), pngOf(oneColour(8, 8, color.NRGBA{255, 0, 0, 255})))
	if train, _, _, note, err := Own(root, OwnOptions{8, 3}); err != nil || train.N != 13 || strings.Contains(note, "from the cache") {
		t.Errorf("%s, %v", note, err)
	}
}

// TestFolderMistakes: a mistake is said with its path.
func TestFolderMistakes(t *testing.T) {
	remove := func(paths ...string) func(root string) {
		return func(root string) {
			for _, p := range paths {
				os.RemoveAll(filepath.Join(root, p))
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(root string)
		want  string
	}{
		"no class":       {remove("train", "test"), "want 2 to 65536 folders, one for each class, have 0"},
		"one class":      {remove("train/red", "train/blue"), "have 1"},
		"no images":      {func(root string) { os.Mkdir(filepath.Join(root, "train", "empty"), 0o755) }, "train/empty: want PNG or JPEG files (.png, .jpg, .jpeg) of the class, have none"},
		"not an image":   {func(root string) { os.WriteFile(filepath.Join(root, "train", "red", "2.png"), []byte("hello"), 0o644) }, "train/red/2.png: the image cannot be decoded: image: unknown format"},
		"cut off":        {func(root string) { os.Truncate(filepath.Join(root, "train", "red", "2.png"), 60) }, "train/red/2.png: the image cannot be decoded: "},
		"a folder":       {func(root string) { os.Mkdir(filepath.Join(root, "train", "red", "x.png"), 0o755) }, "train/red/x.png: want a PNG or JPEG file: "},
		"only in test":   {func(root string) { os.Rename(filepath.Join(root, "test", "red"), filepath.Join(root, "test", "rad")) }, "test/rad: the training images have no such class"},
		"nothing at all": {remove("."), "want a folder with a folder for each class, or a .npz file"},
	} {
		root := gallery(t)
		c.spoil(root)
		if name == "nothing at all" {
			root += "/gone"
		}
		_, _, _, _, err := Own(root, OwnOptions{8, 3})
		var bad *ImagesError
		if !errors.As(err, &bad) || !strings.Contains(filepath.ToSlash(err.Error()), c.want) || !strings.Contains(err.Error(), root) {
			t.Errorf("%s: have %v, want %s", name, err, c.want)
		}
	}
}

// TestLoadOwn: the network's number of classes must be that of the folder, and there may be no test
// images.
func TestLoadOwn(t *testing.T) {
	root := gallery(t)
	d := dsl.Data{Set: "images", Size: 8, Channels: 3, Count: 3, Mean: [3]float64{1, 2, 3}, Std: [3]float64{4, 5, 6}, Validation: 2}
	sets, err := Load(d, 1, root)
	if err != nil || sets.Train.N != 10 || sets.Validation.N != 2 || sets.Test.N != 3 || sets.Names[0] != "blue" || sets.Test.Std[2] != 6 {
		t.Fatalf("%+v, %v", sets, err)
	}
	d.Count = 5
	if _, err := Load(d, 1, root); err == nil || !strings.Contains(err.Error(), "want images of 5 classes, as data.classes of the network says, have 3: write data.classes = 3") {
		t.Errorf("have %v", err)
	}
	d.Count = 3
	if sets, err = Load(d, 1, filepath.Join(root, "train")); err != nil || sets.Test.N != 0 || sets.Train.N != 10 {
		t.Errorf("without test images: %+v, %v", sets, err)
	}
	t.Setenv("SHAKE_DATA", "")
	if _, err := Load(d, 1, ""); err == nil || !strings.Contains(err.Error(), "--data PATH, or SHAKE_DATA, must say where they are") {
		t.Errorf("have %v", err)
	}
}

// TestStats: mean and deviation of each channel.
func TestStats(t *testing.T) {
	im, _ := Synthetic(1, 40, 0)
	mean, std := Stats(im)
	for c := range 3 {
		n, sum, squares := 0.0, 0.0, 0.0
		for i := range im.N {
			for _, v := range im.Pix[(3*i+c)*1024 : (3*i+c+1)*1024] {
				n, sum, squares = n+1, sum+float64(v), squares+float64(v)*float64(v)
			}
		}
		if m := sum / n; math.Abs(mean[c]-m) > 1e-9 || math.Abs(std[c]-math.Sqrt(squares/n-m*m)) > 1e-9 {
			t.Errorf("channel %d: %v and %v", c, mean[c], std[c])
		}
	}
}
