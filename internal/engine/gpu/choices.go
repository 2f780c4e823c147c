package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"shake/internal/files"
)

// choices are the rivals that were faster on a card, and the times that say whether launches
// overlap. A file keeps them, so that a card is timed
// once for each network, and a network trains to the same bits ever after. The file is JSON and may
// be read or deleted at any time.
type choices struct {
	file  string // "": the choices are not kept
	found bool   // the file exists and fits
	say   func(string)

	Card    string
	CuDNN   string
	Network string
	Batch   int
	Taken   []choice
	Step    *StepTimes // nil: launches that overlap were not asked for
}

// StepTimes are the measured times of a captured step both ways, in nanoseconds.
type StepTimes struct {
	Ordinary     time.Duration // every launch waits for the end of the one in front
	Programmatic time.Duration // 0: the driver refused it
}

// Overlap says whether the step is faster with launches that overlap.
func (t *StepTimes) Overlap() bool { return t.Programmatic > 0 && t.Programmatic < t.Ordinary }

// choice is a rival that is taken, and its measured times.
type choice struct {
	At       int // the first replaced launch, by its number in shake show NET --plan --device gpu
	Launches int // number of replaced launches
	Kind     string
	Took     time.Duration // nanoseconds
	Beside   time.Duration // time of the replaced launches, nanoseconds
}

// maxChoices is above the size of any file of choices, in bytes: an entry for each launch of a list
// takes a few hundred bytes.
const maxChoices = 16 << 20

// openChoices reads the file for the program's network, batch, precision, card and library, if a
// file exists and fits.
func (p *program) openChoices() *choices {
	c := &choices{say: p.say, Card: p.card.Name(), CuDNN: p.dnn.Version(), Network: p.list.Plan.Graph.Name, Batch: p.cfg.Batch}
	base, err := os.UserCacheDir()
	if err != nil {
		return c // without a home folder each run measures
	}
	h := sha256.New()
	fmt.Fprintln(h, "choices 1", p.dnn.Card(), c.CuDNN, p.precision.name, p.list)
	for _, k := range p.kernels[training] {
		if k != nil {
			fmt.Fprintln(h, k.Kernel.Text)
		}
	}
	for _, r := range p.rivals {
		fmt.Fprintln(h, r)
		for _, k := range r.after {
			fmt.Fprintln(h, k.Kernel.Text)
		}
	}
	c.file = filepath.Join(base, "shake", "choices", fmt.Sprintf("%s-%s.json", c.Network, hex.EncodeToString(h.Sum(nil)[:8])))
	b, err := files.Read(c.file, maxChoices)
	if errors.Is(err, fs.ErrNotExist) {
		return c
	}
	var old choices
	if err == nil {
		err = json.Unmarshal(b, &old)
	}
	if err == nil {
		err = old.fit(p.rivals)
	}
	if err == nil && p.overlap.measured() && (old.Step == nil || old.Step.Ordinary <= 0 || old.Step.Programmatic < 0) {
		err = errors.New("damaged: the times of the step are missing")
	}
	if err != nil {
		c.say(fmt.Sprintf("%s: %v: measured again", c.file, err))
		return c
	}
	c.found, c.Taken, c.Step = true, old.Taken, old.Step
	return c
}

// fit returns an error that names an entry without a rival in rs.
func (c *choices) fit(rs []*rival) error {
	if c.Card == "" || c.Taken == nil {
		return errors.New("damaged: fields are missing")
	}
	n := 0
	for _, r := range rs {
		if c.takes(r) {
			n++
		}
	}
	if n != len(c.Taken) {
		return fmt.Errorf("damaged: %d of %d choices are none of this network", len(c.Taken)-n, len(c.Taken))
	}
	return nil
}

func (c *choices) take(r *rival, took, beside time.Duration) {
	c.Taken = append(c.Taken, choice{r.at, r.count, r.kind, took, beside})
}

func (c *choices) takes(r *rival) bool {
	for _, t := range c.Taken {
		if t.At == r.at && t.Launches == r.count && t.Kind == r.kind {
			return true
		}
	}
	return false
}

// store writes the file, whole or not at all. A failure to write is reported, and the next run
// measures again.
func (c *choices) store() {
	if c.file == "" {
		return
	}
	if c.Taken == nil {
		c.Taken = []choice{}
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = files.Private(filepath.Dir(c.file))
	}
	if err == nil {
		err = files.ReplaceBytes(c.file, append(b, '\n'))
	}
	if err != nil {
		c.say(fmt.Sprintf("choices measured on the card are not kept: %v", err))
	}
}
