package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"shake/internal/engine"
	"shake/nets"
)

// TestDataTable: the language takes the table of shake data stats, of constant, faint and dark
// channels too.
func TestDataTable(t *testing.T) {
	const constant, faint = " is constant: its std is the least that [data] takes, 1.1", " hardly varies, with a deviation of 0.5: its std is the least that [data] takes, 1.1"
	for name, c := range map[string]struct {
		value func(channel, pixel int) int
		notes []string
	}{
		"plain":     {func(c, p int) int { return 4*p%256 + c%2 }, nil},
		"one value": {func(c, p int) int { return c % 2 * p }, []string{"channel 1" + constant, "channel 3" + constant}},
		"ones":      {func(c, p int) int { return 1 }, []string{"channel 1" + constant, "channel 2" + constant, "channel 3" + constant}},
		"faint":     {func(c, p int) int { return 100*c + p%2 }, []string{"channel 1" + faint, "channel 2" + faint, "channel 3" + faint}},
		"dark":      {func(c, p int) int { return p / 63 * 60 }, nil}, // one pixel of 64
	} {
		im := &engine.Images{N: 2, C: 3, H: 8, W: 8, Classes: 2}
		for range im.N {
			for channel := range im.C {
				for p := range im.H * im.W {
					im.Pix = append(im.Pix, byte(c.value(channel, p)))
				}
			}
		}
		table, notes := dataTable(im)
		if !slices.Equal(notes, c.notes) {
			t.Errorf("%s: want %q, have %q", name, c.notes, notes)
		}
		file := filepath.Join(t.TempDir(), "net.toml")
		if err := os.WriteFile(file, []byte("extends = \"quick\"\n"+table+"train_images = 0\ntest_images = 0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := nets.Load(file); err != nil {
			t.Errorf("%s: %v\n%s", name, err, table)
		}
	}
}
