package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Result is the content of the block at the end of a run. Errors are in per cent; the caller passes
// no NaN.
type Result struct {
	Name       string
	TrainError float64
	TestError  float64
	TestLoss   float64
	TestImages int // 0: there was no test set
	ValError   float64
	ValLoss    float64
	ValImages  int // 0: none were kept out of training
	// Average is the line on the averaged weights; "" without any.
	Average      string
	Epochs       int // whole epochs done
	Steps        int
	Seconds      float64
	ImagesPerSec float64 // 0: nothing was trained
	Diverged     string  // "diverged at ...", or ""
	Dir          string
	Weights      string
	Curves       []string
	Cards        []CardUse
}

// Figure is a published test error to set beside the result. Label names its experiment ("26 2x32d
// S-S-I, 1800 epochs, mean of 3"), Table its place in the paper ("Table 1").
type Figure struct {
	Label string
	Table string
	Error float64
}

// Loss writes a loss with four decimals, and with an exponent where a run is about to diverge.
func Loss(x float64) string {
	if x >= 1e4 {
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.4f", x)
}

// Summary writes the block: the last epoch's error, the paper's figure if there is one, and the
// paths of the files.
func Summary(w io.Writer, r Result, paper *Figure) error {
	var b strings.Builder
	row := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s"+format+"\n", append([]any{key}, args...)...)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Name)
	if r.Diverged != "" {
		row("result", "%s", r.Diverged)
	}
	switch {
	case r.TestImages > 0:
		row("test error", "%.2f%% of %s images, last epoch (loss %s)", r.TestError, Count(int64(r.TestImages)), Loss(r.TestLoss))
	case r.Diverged == "":
		row("test error", "no test set")
	}
	if r.ValImages > 0 {
		row("validation", "%.2f%% of %s images, last epoch (loss %s)", r.ValError, Count(int64(r.ValImages)), Loss(r.ValLoss))
	}
	if r.Average != "" {
		row("average", "%s", r.Average)
	}
	if paper != nil {
		row("paper", "%.2f%%  %s: %s", paper.Error, paper.Table, paper.Label)
	}
	if r.Epochs > 0 || r.TestImages > 0 {
		row("train error", "%.2f%%", r.TrainError)
	}
	speed := ""
	if r.ImagesPerSec > 0 {
		speed = fmt.Sprintf(", %.0f img/s", r.ImagesPerSec)
		if r.ImagesPerSec < 10 {
			speed = fmt.Sprintf(", %.1f img/s", r.ImagesPerSec)
		}
	}
	row("trained", "%s, %s in %s%s", Plural(r.Epochs, "epoch"), Plural(r.Steps, "step"), Duration(r.Seconds), speed)
	for _, c := range r.Cards {
		row(fmt.Sprintf("card %d", c.Card), "%v", c)
	}
	row("run", "%s", r.Dir)
	if r.Weights != "" {
		row("weights", "%s", r.Weights)
	}
	if len(r.Curves) > 0 {
		row("curves", "%s", strings.Join(r.Curves, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Duration writes seconds in a person's units: 42 s, 3 m 20 s, 5 h 12 m, 2 d 3 h.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h >= 24:
		return fmt.Sprintf("%d d %d h", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%d h %d m", h, m)
	case m > 0:
		return fmt.Sprintf("%d m %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}
