package data

import (
	"bytes"
	"image/png"
	"math"
	"slices"
	"testing"

	"shake/internal/engine"
)

// TestAugment works every step out by hand on an image of 2×3: normalise, flip, pad, crop.
func TestAugment(t *testing.T) {
	src := []byte{10, 20, 30, 40, 50, 60}
	mean, std := []float64{10}, []float64{10} // normalised: 0 1 2 / 3 4 5
	for _, test := range []struct {
		name string
		a    Augmentation
		want []float64
	}{
		{"none", Augmentation{}, []float64{0, 1, 2, 3, 4, 5}},
		{"flip", Augmentation{Flip: true}, []float64{2, 1, 0, 5, 4, 3}},
		{"centre of the padding", Augmentation{Crop: 1, DY: 1, DX: 1}, []float64{0, 1, 2, 3, 4, 5}},
		{"down and right", Augmentation{Crop: 1}, []float64{0, 0, 0, 0, 0, 1}},
		{"up and left", Augmentation{Crop: 1, DY: 2, DX: 2}, []float64{4, 5, 0, 0, 0, 0}},
		{"flip comes before crop", Augmentation{Crop: 1, DY: 1, Flip: true}, []float64{0, 2, 1, 0, 5, 4}},
		{"a hole is where the crop ends up", Augmentation{Crop: 1, DY: 1, Flip: true, Holes: [2]engine.Hole{{Y0: 0, Y1: 1, X0: 1, X1: 2}, {Y0: 1, Y1: 2, X0: 2, X1: 3}}}, []float64{0, 0, 1, 0, 5, 0}},
		{"nothing left", Augmentation{Crop: 4}, []float64{0, 0, 0, 0, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := make([]float64, 6)
			for i := range have {
				have[i] = math.NaN()
			}
			Augment(have, src, 2, 3, mean, std, test.a)
			if !slices.Equal(have, test.want) {
				t.Errorf("want %v, have %v", test.want, have)
			}
		})
	}
}

// TestAugmentPadsWithTheMean catches padding before normalising: the border is 0, not (0-mean)/std,
// in every channel.
func TestAugmentPadsWithTheMean(t *testing.T) {
	src := bytes.Repeat([]byte{200}, pixels)
	dst := make([]float32, pixels)
	Augment(dst, src, side, side, CIFAR10Mean[:], CIFAR10Std[:], Augmentation{Crop: 4})
	for c := range 3 {
		if v := dst[c*side*side]; v != 0 {
			t.Errorf("channel %d: the padding is %v", c, v)
		}
		want := float32((200 - CIFAR10Mean[c]) / CIFAR10Std[c])
		if v := dst[c*side*side+4*side+4]; v != want {
			t.Errorf("channel %d: want %v, have %v", c, want, v)
		}
	}
}

func TestSheet(t *testing.T) {
	im, _ := Synthetic(1, 12, 0)
	o := SheetOptions{Names: SyntheticNames, First: 9, Columns: 4, Scale: 2, Seed: 5, Flip: true, Crop: 4}
	var out, again bytes.Buffer
	if err := Sheet(&out, im, o); err != nil {
		t.Fatal(err)
	}
	if err := Sheet(&again, im, o); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("two sheets of the same differ")
	}
	sheet, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	cw, ch := 2*side+sheetGap, 2*side+sheetLabel+sheetGap
	if b := sheet.Bounds(); b.Dx() != sheetGap+5*cw || b.Dy() != sheetGap+3*ch {
		t.Errorf("the sheet is %v", b)
	}
	want := make([]float64, pixels)
	for row := range 3 {
		src := im.Pix[(9+row)*pixels : (10+row)*pixels]
		for column := range 5 {
			a := Augmentation{}
			if column > 0 {
				a.Crop = 4
				a.Flip, a.DY, a.DX = engine.AugmentDraw(5, uint32(column-1), row, 4)
			}
			Augment(want, src, side, side, []float64{0, 0, 0}, []float64{1, 1, 1}, a)
			for _, p := range [][2]int{{12, 3}, {16, 16}, {20, 29}} {
				y, x := p[0], p[1]
				if fy, fx := y+a.DY-a.Crop, x+a.DX-a.Crop; fy < 0 || fy > 31 || fx < 0 || fx > 31 {
					continue
				}
				r, _, b, _ := sheet.At(sheetGap+column*cw+2*x+1, sheetGap+row*ch+sheetLabel+2*y+1).RGBA()
				if wr, wb := want[y*side+x], want[2*side*side+y*side+x]; float64(r>>8) != wr || float64(b>>8) != wb {
					t.Errorf("row %d column %d at %v: want %v %v, have %v %v", row, column, p, wr, wb, r>>8, b>>8)
				}
			}
		}
	}
}

func TestSheetRefusesWhatItCannotShow(t *testing.T) {
	im, _ := Synthetic(1, 2, 0)
	gray := *im
	gray.C = 2
	for name, err := range map[string]error{
		"no such image": Sheet(&bytes.Buffer{}, im, SheetOptions{First: 2}),
		"negative":      Sheet(&bytes.Buffer{}, im, SheetOptions{Columns: -1}),
		"too large":     Sheet(&bytes.Buffer{}, im, SheetOptions{Columns: 1 << 20, Scale: 100}),
		"overflows":     Sheet(&bytes.Buffer{}, im, SheetOptions{Columns: math.MaxInt, Scale: math.MaxInt}),
		"two channels":  Sheet(&bytes.Buffer{}, &gray, SheetOptions{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
