package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/report"
	"shake/internal/train"
)

// evalFlags are the flags of "shake eval".
type evalFlags struct {
	net                       netFlags
	weights, device, data, on string
	predictions, confusion    string
	average                   bool
	asJSON                    bool
}

func (a *app) evalCmd() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval RUN | eval NET --weights FILE",
		Short: "Measure the test error of trained weights",
		Long: `eval runs the test images through a network with running statistics and even
coefficients. RUN is a run directory, whose own weights are taken unless --weights names others.
--json has the top-5 error and the errors of every class too.`,
		Example: `  shake eval runs/quick --json
  shake eval 26-2x32d --weights model.safetensors
  shake eval runs/quick --predictions quick.jsonl --confusion quick.png`,
		Args: func(c *cobra.Command, args []string) error {
			return cmp.Or(exclusive(c, "average", "weights"), takes("RUN or NET")(c, args))
		},
		ValidArgsFunction: completeNets,
		RunE:              func(_ *cobra.Command, args []string) error { return a.eval(f, args[0]) },
	}
	f.net.add(c)
	addDevice(c, &f.device)
	addData(c, &f.data)
	c.Flags().StringVar(&f.weights, "weights", "", "safetensors `file` with PyTorch names")
	c.Flags().BoolVar(&f.average, "average", false, "take the run's averaged weights, which train.swa or train.ema makes")
	c.Flags().StringVar(&f.on, "on", "test", "`images` to measure on: test, or validation, which data.validation keeps out of training")
	c.Flags().StringVar(&f.predictions, "predictions", "", "write a JSON line an image to this `file`: label, the five most probable classes, probability of the first, loss")
	c.Flags().StringVar(&f.confusion, "confusion", "", "draw the confusion matrix to this PNG `file`")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	c.RegisterFlagCompletionFunc("on", cobra.FixedCompletions([]string{"test", "validation"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) eval(f evalFlags, name string) error {
	sig := interruptible(func() {})
	defer sig.stop()
	spec, dir, err := f.net.loadRun(name)
	if err != nil {
		return err
	}
	own := f.weights == "" // the run's own weights
	switch {
	case !own:
	case dir != "":
		f.weights = filepath.Join(dir, train.WeightsFile)
		if f.average {
			if f.weights, err = averaged(dir); err != nil {
				return err
			}
		}
	default:
		return exit(exitUsage, fmt.Errorf("eval: %s is a network, not a run directory: --weights FILE says what to measure", name))
	}
	if f.confusion != "" {
		if err := ends(f.confusion, ".png"); err != nil {
			return err
		}
	}
	if err := cmp.Or(writable(f.predictions), writable(f.confusion)); err != nil {
		return err
	}
	b, err := a.backend(sig, f.device, spec)
	if err != nil {
		return err
	}
	sets, err := loadData(spec, f.data)
	if err != nil {
		return err
	}
	if own {
		if err := a.sameImages(dir, f.on, sets); err != nil {
			return exit(exitUsage, fmt.Errorf("eval: %w", err))
		}
	}
	images, err := evalImages(sets, f.on)
	if err != nil {
		return err
	}
	if sig.Err() != nil { // while the data was read
		return errEvalInterrupted
	}
	fmt.Fprintf(report.PlainWriter(a.err), "%s on %d %s images of %s, %s\n", f.weights, images.N, f.on, sets.Source, sets.Note)
	if f.predictions == "" {
		return a.measure(sig, f, spec, b, images, sets.Names, nil)
	}
	return a.write(f.predictions, "predictions", func(w io.Writer) error {
		lines := bufio.NewWriter(w)
		err := a.measure(sig, f, spec, b, images, sets.Names, json.NewEncoder(lines))
		return errors.Join(err, lines.Flush())
	})
}

var errEvalInterrupted = exit(exitInterrupted, errors.New("eval: interrupted"))

// measure evaluates, and writes the results that were asked for: a line a prediction, the picture,
// the figures.
func (a *app) measure(sig *interruption, f evalFlags, spec *dsl.Spec, b engine.Backend, images *engine.Images, names []string, lines *json.Encoder) error {
	tally := train.NewTally(images.Classes)
	var each func(train.Prediction) error
	if f.asJSON || f.confusion != "" || lines != nil {
		each = func(p train.Prediction) error {
			tally.Add(p)
			if lines == nil {
				return nil
			}
			return lines.Encode(p)
		}
	}
	ev, err := train.Predict(sig, spec, b, f.weights, images, each)
	if errors.Is(err, context.Canceled) {
		return errEvalInterrupted
	}
	if err != nil {
		return err
	}
	if f.confusion != "" {
		c := report.Confusion{Title: fmt.Sprintf("%s: %.2f%% wrong; rows: label, columns: said", spec.Name, ev.TestError), Names: names, Counts: tally.Confusion}
		if err := a.write(f.confusion, "a confusion matrix", c.WritePNG); err != nil {
			return err
		}
	}
	if f.asJSON {
		return a.printJSON(newEvalResult(f.on, ev, tally, names))
	}
	_, err = fmt.Fprintf(a.out, "%s error %.2f%% (%d of %d), loss %s\n", f.on, ev.TestError, ev.Errors, ev.Images, report.Loss(ev.TestLoss))
	return err
}

// sameImages compares images with those of the run whose weights are to be measured. Other classes
// are an error, and so is a validation split that the run may have trained on. Other images are
// said.
func (a *app) sameImages(dir, on string, s *data.Sets) error {
	rec, err := train.ReadRecord(dir)
	if err != nil {
		fmt.Fprintf(report.PlainWriter(a.err), "%v: whether the run had these images is not known\n", err)
		return nil
	}
	if other := rec.OtherClass(s.Names); other != "" {
		return fmt.Errorf("the classes are not those of the run (%s): %s", rec.Data, other)
	}
	trained, measured := rec.OtherImages(s.Train, s.Test, s.Validation)
	what := ""
	switch {
	case trained && on == "validation":
		return fmt.Errorf("--on validation: the images to train on are not those of the run (%s), which may have been trained on some of these", rec.Data)
	case trained && measured:
		what = "neither the training images nor those to measure on are"
	case trained:
		what = "the training images are not"
	case measured:
		what = "the images to measure on are not"
	default:
		return nil
	}
	fmt.Fprintf(report.PlainWriter(a.err), "%s those of the run (%s)\n", what, rec.Data)
	return nil
}

// evalImages are the images that --on names.
func evalImages(s *data.Sets, on string) (*engine.Images, error) {
	switch {
	case on == "test" && s.Test.N > 0:
		return s.Test, nil
	case on == "test" && s.Validation != nil:
		return nil, exit(exitUsage, fmt.Errorf("eval: there are no test images: --on validation measures %s kept out of training", report.Plural(s.Validation.N, "image")))
	case on == "test":
		return nil, exit(exitUsage, errors.New("eval: there are no test images, and data.validation keeps none out of training"))
	case on == "validation" && s.Validation != nil:
		return s.Validation, nil
	case on == "validation":
		return nil, exit(exitUsage, errors.New("eval: --on validation: the network has data.validation = 0, so that no image was kept out of training"))
	}
	return nil, exit(exitUsage, fmt.Errorf("eval: --on: want test or validation, have %q", on))
}

// evalResult is the output of eval --json. Errors in per cent end with Error, counts with Errors.
type evalResult struct {
	On        string      `json:"on"`
	TestError *float64    `json:"test_error"`
	TestLoss  *float64    `json:"test_loss"`
	Errors    int         `json:"errors"`
	Images    int         `json:"images"`
	Top5Error *float64    `json:"top5_error"` // null with five classes and fewer
	Classes   []evalClass `json:"classes"`
}

type evalClass struct {
	Class  int      `json:"class"`
	Name   string   `json:"name,omitempty"`
	Images int      `json:"images"`
	Errors int      `json:"errors"`
	Error  *float64 `json:"error"` // null without images
}

func newEvalResult(on string, ev *train.Evaluation, t *train.Tally, names []string) evalResult {
	r := evalResult{On: on, TestError: finite(ev.TestError), TestLoss: finite(ev.TestLoss), Errors: ev.Errors, Images: ev.Images}
	if len(t.Confusion) > 5 {
		r.Top5Error = finite(100 * float64(t.NotInTop) / float64(ev.Images))
	}
	for label := range t.Confusion {
		n, wrong := t.Class(label)
		c := evalClass{Class: label, Images: n, Errors: wrong, Error: finite(100 * float64(wrong) / float64(n))}
		if label < len(names) {
			c.Name = names[label]
		}
		r.Classes = append(r.Classes, c)
	}
	return r
}

// averaged is the file of a run's averaged weights.
func averaged(dir string) (string, error) {
	file := filepath.Join(dir, train.AverageFile)
	if _, err := os.Stat(file); err != nil {
		return "", exit(exitUsage, fmt.Errorf("%s has no averaged weights (%s): a run with train.swa or train.ema makes them at its end", dir, train.AverageFile))
	}
	return file, nil
}
