package train

import (
	"fmt"
	"io"
	"time"
)

// logger writes log.txt, plain lines with the time in front, and passes every call on. A line that
// cannot be written is lost: the more important files report a full disk themselves.
type logger struct {
	w    io.Writer
	next Observer // may be nil
	last time.Time
}

// logEvery is the interval of lines in log.txt during a long epoch.
const logEvery = time.Minute

func (l *logger) printf(format string, args ...any) {
	l.last = time.Now()
	fmt.Fprintf(l.w, l.last.Format(time.RFC3339)+" "+format+"\n", args...)
}

func (l *logger) Start(d Decisions) {
	l.printf("%s on %s (%s), shake %s, seed %d", d.Name, d.Device, d.Detail, d.Version, d.Seed)
	l.printf("%d parameters, batch %d, replicas %d, %d epochs of %d steps", d.Parameters, d.Batch, d.Replicas, d.Epochs, d.StepsPerEpoch)
	l.printf("%d training and %d test images: %s", d.TrainImages, d.TestImages, d.Data)
	if d.Weights != "" {
		l.printf("weights from %s", d.Weights)
	}
	if d.Resumed {
		l.printf("resumed after epoch %d, step %d", d.Epoch, d.Step)
	}
	if l.next != nil {
		l.next.Start(d)
	}
}

func (l *logger) Progress(p Progress) {
	if time.Since(l.last) >= logEvery {
		l.printf("epoch %d/%d step %d/%d loss %.4f error %.2f%% lr %.5f %.1f img/s", p.Epoch, p.Epochs, p.Step, p.StepsPerEpoch, p.Loss, p.Error, p.LR, p.ImagesPerSec)
	}
	if l.next != nil {
		l.next.Progress(p)
	}
}

func (l *logger) Step(r StepRecord) {
	if l.next != nil {
		l.next.Step(r)
	}
}

func (l *logger) Epoch(r EpochRecord) {
	test := ""
	if r.TestImages > 0 {
		test = fmt.Sprintf(" test loss %.4f error %.2f%%", r.TestLoss, r.TestError)
	}
	if r.ValImages > 0 {
		test += fmt.Sprintf(" validation loss %.4f error %.2f%%", r.ValLoss, r.ValError)
	}
	l.printf("epoch %d done at step %d: train loss %.4f error %.2f%%%s lr %.5f in %.1f s", r.Epoch, r.Step, r.TrainLoss, r.TrainError, test, r.LR, r.Took.Seconds())
	if l.next != nil {
		l.next.Epoch(r)
	}
}

func (l *logger) Saved(s Saved) {
	if l.next != nil {
		l.next.Saved(s)
	}
}

func (l *logger) Notice(text string) {
	l.printf("%s", text)
	if l.next != nil {
		l.next.Notice(text)
	}
}

func (l *logger) End(s Summary) {
	switch {
	case s.Diverged != nil:
		l.printf("%v", &Diverged{*s.Diverged})
	case s.Evaluated && s.TestImages > 0:
		l.printf("done: %d epochs, %d steps, test error %.2f%%", s.Epochs, s.Steps, s.TestError)
	default:
		l.printf("done: %d epochs, %d steps", s.Epochs, s.Steps)
	}
	if l.next != nil {
		l.next.End(s)
	}
}
