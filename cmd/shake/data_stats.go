package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/report"
)

func (a *app) dataStatsCmd() *cobra.Command {
	var o data.OwnOptions
	c := &cobra.Command{
		Use:   "stats PATH",
		Short: "Say what [data] is to have for your own images",
		Long: `stats reads your own images and prints what a network's [data] is to say of them:
size, channels, number of classes, mean and standard deviation of the training images.

PATH is a folder with a folder for each class with PNG and JPEG files, in its folders train and
test, or itself; or a .npz file with the arrays train_images, train_labels, test_images and
test_labels. Files of a folder are cut to the square in their middle and scaled.`,
		Example: "  shake data stats ~/flowers --size 64\n  shake data stats svhn.npz",
		Args:    takes("PATH"),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.Size != 0 && (o.Size < 8 || o.Size > 224) || o.Channels != 0 && o.Channels != 1 && o.Channels != 3 {
				return exit(exitUsage, fmt.Errorf("stats: want --size from 8 to 224 and --channels 1 or 3"))
			}
			train, test, names, note, err := data.Own(args[0], o)
			if err != nil {
				return exit(exitData, err)
			}
			tested := 0
			if test != nil {
				tested = test.N
			}
			fmt.Fprintf(report.PlainWriter(a.err), "%s: %s training and %s test images, %s\n", args[0], report.Count(int64(train.N)), report.Count(int64(tested)), note)
			if len(names) > 0 {
				fmt.Fprintf(report.PlainWriter(a.err), "classes: %s\n", strings.Join(names[:min(len(names), 100)], ", "))
			}
			table, notes := dataTable(train)
			for _, n := range notes {
				fmt.Fprintln(a.err, n)
			}
			_, err = io.WriteString(a.out, table)
			return err
		},
	}
	c.Flags().IntVar(&o.Size, "size", 0, "height and width in `pixels` to scale files to (default 32; an array has its own)")
	c.Flags().IntVar(&o.Channels, "channels", 0, "`channels`: 3, or 1 for grey (default 3; an array has its own)")
	return c
}

// leastStd is the least deviation of one decimal that [data] takes.
const leastStd = 1.1

// dataTable is the [data] of training images. The notes are of channels whose deviation it does not
// take.
func dataTable(train *engine.Images) (table string, notes []string) {
	mean, std := data.Stats(train)
	for c, v := range std {
		if v >= leastStd {
			continue
		}
		is := "is constant"
		if v > 0 {
			is = fmt.Sprintf("hardly varies, with a deviation of %.2g", v)
		}
		notes = append(notes, fmt.Sprintf("channel %d %s: its std is the least that [data] takes, %v", c+1, is, leastStd))
		std[c] = leastStd
	}
	return fmt.Sprintf("[data]\nset      = \"images\"\nsize     = %d\nchannels = %d\nclasses  = %d\nmean     = %s\nstd      = %s\n",
		train.H, train.C, train.Classes, tenths(mean), tenths(std)), notes
}

// tenths writes numbers as a TOML list.
func tenths(vs []float64) string {
	ts := make([]string, len(vs))
	for i, v := range vs {
		ts[i] = fmt.Sprintf("%.1f", v)
	}
	return "[" + strings.Join(ts, ", ") + "]"
}
