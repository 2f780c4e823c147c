package train

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"shake/internal/engine"
)

// topClasses is the number of classes that a prediction names: those of the top-5 error.
const topClasses = 5

// Prediction is a network's answer to one image.
type Prediction struct {
	Image int
	Label int
	// Top is the most probable classes, at most five; of equal ones the lowest number comes first.
	// Empty if a logit is not a number.
	Top         []int
	Probability float64 // of the first of them; not a number without one
	Loss        float64 // cross-entropy; not finite if a logit is not
}

// Rank is the place of the label among Top, from 0; -1 if it is not there.
func (p Prediction) Rank() int { return slices.Index(p.Top, p.Label) }

// MarshalJSON writes the prediction as a line of a file of predictions. Figures that are not finite
// are null.
func (p Prediction) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Image       int      `json:"image"`
		Label       int      `json:"label"`
		Top         []int    `json:"top"`
		Probability *float64 `json:"probability"`
		Loss        *float64 `json:"loss"`
	}{p.Image, p.Label, p.Top, finite(p.Probability), finite(p.Loss)})
}

// predict calls each with the prediction for every image of test.
func predict(ctx context.Context, p engine.Program, test *engine.Images, batch int, each func(Prediction) error) error {
	for lo := 0; lo < test.N; lo += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+batch, test.N)
		logits, err := p.Logits(lo, hi)
		if errors.Is(err, engine.ErrAbandoned) {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("evaluating images from %d on: %w", lo, err)
		}
		classes := len(logits) / (hi - lo)
		for i := lo; i < hi; i++ {
			if err := each(newPrediction(i, int(test.Labels[i]), logits[(i-lo)*classes:(i-lo+1)*classes])); err != nil {
				return err
			}
		}
	}
	return nil
}

// newPrediction computes softmax and cross-entropy of an image's logits in float64.
func newPrediction(image, label int, logits []float32) Prediction {
	order := make([]int, len(logits))
	for k, z := range logits {
		if z != z {
			return Prediction{Image: image, Label: label, Top: []int{}, Probability: math.NaN(), Loss: math.NaN()}
		}
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	most, sum := float64(logits[order[0]]), 0.0
	for _, z := range logits {
		sum += math.Exp(float64(z) - most)
	}
	return Prediction{
		Image: image, Label: label, Top: order[:min(topClasses, len(order))],
		Probability: 1 / sum, Loss: math.Log(sum) + most - float64(logits[label]),
	}
}

// Tally counts predictions: Confusion[label][class], the images whose label is not among the five
// most probable classes, and by label those of which nothing is probable.
type Tally struct {
	Confusion [][]int
	NotInTop  int
	None      []int
}

// NewTally counts predictions of so many classes.
func NewTally(classes int) *Tally {
	t := &Tally{None: make([]int, classes)}
	for range classes {
		t.Confusion = append(t.Confusion, make([]int, classes))
	}
	return t
}

// Add counts one prediction.
func (t *Tally) Add(p Prediction) {
	if len(p.Top) > 0 {
		t.Confusion[p.Label][p.Top[0]]++
	} else {
		t.None[p.Label]++
	}
	if p.Rank() < 0 {
		t.NotInTop++
	}
}

// Class returns the images and the errors of a label.
func (t *Tally) Class(label int) (images, errors int) {
	images = t.None[label]
	for _, n := range t.Confusion[label] {
		images += n
	}
	return images, images - t.Confusion[label][label]
}
