package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"shake/internal/data"
	"shake/internal/report"
)

func (a *app) dataCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Fetch, check and look at data sets",
		Args:  verb,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.dataFetchCmd(), a.dataCheckCmd(), a.dataShowCmd(), a.dataStatsCmd())
	return c
}

// cifarSets are the sets that have files.
var cifarSets = []string{"cifar10", "cifar100"}

// takesSet is the argument check of a verb that needs the name of a CIFAR set.
func takesSet(c *cobra.Command, args []string) error {
	if err := takes("cifar10|cifar100")(c, args); err != nil {
		return err
	}
	if args[0] == "images" {
		return exit(exitUsage, fmt.Errorf("%s: want cifar10 or cifar100: shake data stats PATH reads your own images", c.Name()))
	}
	if !slices.Contains(cifarSets, args[0]) {
		return exit(exitUsage, fmt.Errorf("%s: want cifar10 or cifar100, have %q", c.Name(), args[0]))
	}
	return nil
}

func (a *app) dataFetchCmd() *cobra.Command {
	var o data.FetchOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "fetch cifar10|cifar100",
		Short: "Download the official archive, or take it from a mirror or a file",
		Long: `fetch puts the official archive into a folder and checks it against the published
checksums. A download that was cut is continued. The archive is used as it is, unopened.`,
		Example:   "  shake data fetch cifar10\n  shake data fetch cifar10 --from usb/cifar-10-binary.tar.gz",
		Args:      takesSet,
		ValidArgs: cifarSets,
		RunE: func(_ *cobra.Command, args []string) error {
			scr := newScreen(a.err)
			sig := interruptible(func() { scr.print("stopping; what has come so far is kept and continued next time") })
			defer scr.flush(sig.heard)
			defer sig.stop()
			defer scr.close()
			o.Progress = transfer(scr, time.Now)
			got, err := data.Fetch(sig, args[0], o)
			if err != nil {
				if classify(err) == exitInternal {
					err = exit(exitData, err)
				}
				return err
			}
			scr.close()
			sig.stop()
			scr.flush(sig.heard)
			if asJSON {
				return a.printJSON(got)
			}
			how := "checked"
			if got.Already {
				how = "was already there, checked again"
			}
			_, err = fmt.Fprintf(report.PlainWriter(a.out), "%s: %s, %s\n", got.Path, report.Bytes(got.Bytes), how)
			return err
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "`folder` for the archive (default: shake/data in the user's cache folder)")
	c.Flags().StringVar(&o.From, "from", "", "mirror's `URL`, or a local file or folder")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// transfer shows the progress of a download: a live line on a terminal, elsewhere a line every ten
// seconds.
func transfer(scr *screen, now func() time.Time) func(done, total int64) {
	start, last := now(), now()
	var first int64 = -1 // the bytes that an earlier attempt left
	return func(done, total int64) {
		t := now()
		if first < 0 {
			first = done
		}
		pause := 10 * time.Second
		if scr.size != nil {
			pause = 100 * time.Millisecond
		}
		if t.Sub(last) < pause && done != total {
			return
		}
		last = t
		line := report.Bytes(done)
		if total > 0 {
			line = fmt.Sprintf("%3.0f%%  %s of %s", 100*float64(done)/float64(total), report.Bytes(done), report.Bytes(total))
		}
		if s := t.Sub(start).Seconds(); s > 0 {
			line += fmt.Sprintf("  %s/s", report.Bytes(int64(float64(done-first)/s)))
		}
		if scr.size == nil {
			scr.print(line)
			return
		}
		scr.show(func(width int) []string { return []string{line[:min(len(line), width)]} })
	}
}

func (a *app) dataCheckCmd() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:       "check cifar10|cifar100",
		Short:     "Read a data set and say where it is and whether it is the official one",
		Args:      takesSet,
		ValidArgs: cifarSets,
		RunE: func(_ *cobra.Command, args []string) error {
			train, test, prov, err := data.Open(args[0], dir)
			if err != nil {
				return exit(exitData, err)
			}
			if asJSON {
				return a.printJSON(struct {
					data.Provenance
					TrainImages int `json:"train_images"`
					TestImages  int `json:"test_images"`
				}{prov, train.N, test.N})
			}
			note := prov.Note
			if !prov.Official {
				note += "; errors measured on them are not comparable to the last digit"
			}
			_, err = fmt.Fprintf(report.PlainWriter(a.out), "%s: %s, %s training and %s test images, %s\n", prov.Set, prov.Source, report.Count(int64(train.N)), report.Count(int64(test.N)), note)
			return err
		},
	}
	addData(c, &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// exemplar is the built-in network whose [data] shows a set.
var exemplar = map[string]string{"cifar10": "26-2x32d", "cifar100": "resnext29", "synthetic": "quick"}

func (a *app) dataShowCmd() *cobra.Command {
	var net netFlags
	var dir string
	var o data.SheetOptions
	c := &cobra.Command{
		Use:   "show SET|NET FILE.png",
		Short: "Draw a sheet of images as a network sees them, augmented",
		Long: `show writes a PNG with one row an image: as it is, then as the first iterations
would augment it. SET is cifar10, cifar100 or synthetic; with NET the network's own [data] holds,
which may be of your own images. FILE may be - for standard output.`,
		Example: "  shake data show synthetic sheet.png\n  shake data show quick sheet.png -o data.crop=8 --first 20",
		Args:    takes("SET|NET", "FILE.png"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := cmp.Or(ends(args[1], ".png"), foreign(args[1])); err != nil {
				return err
			}
			name := args[0]
			if name == "images" {
				return exit(exitUsage, fmt.Errorf(`show: want a NET with set = "images", and --data PATH, to show your own images; shake data stats PATH prints its [data]`))
			}
			if n, ok := exemplar[name]; ok {
				name = n
			}
			spec, _, err := net.load(name)
			if err != nil {
				return err
			}
			sets, err := loadData(spec, dir)
			if err != nil {
				return err
			}
			o.Names, o.Seed = sets.Names, spec.Seed
			if spec.Data.Augment {
				o.Flip, o.Crop, o.Cutout, o.Erase = spec.Data.Flip, spec.Data.Crop, spec.Data.Cutout, spec.Data.Erase
			}
			var sheet bytes.Buffer
			if err := data.Sheet(&sheet, sets.Train, o); err != nil {
				return exit(exitUsage, err)
			}
			return a.write(args[1], "a sheet", func(w io.Writer) error {
				_, err := sheet.WriteTo(w)
				return err
			})
		},
	}
	net.add(c)
	addData(c, &dir)
	c.Flags().IntVar(&o.First, "first", 0, "first image")
	c.Flags().IntVar(&o.Rows, "rows", 10, "images")
	c.Flags().IntVar(&o.Columns, "columns", 8, "augmented versions of each")
	return c
}
