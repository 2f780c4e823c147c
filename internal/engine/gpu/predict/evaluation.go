package predict

import (
	"fmt"
	"strings"
)

// Evaluation is the estimated time of a test set's evaluation, in batches of its own and in batches
// of a training step.
type Evaluation struct {
	Images  int     `json:"images"`
	Batch   int     `json:"batch"`   // of the evaluation
	Batches int     `json:"batches"` // the last one may be ragged; its time is that part of a batch's
	Time    float64 `json:"s"`
	Floor   float64 `json:"floor_s"` // sum of the launches' floors

	StepBatch   int     `json:"step_batch"` // of a training step
	StepBatches int     `json:"step_batches"`
	StepTime    float64 `json:"step_batch_s"` // in batches of a step
}

// Evaluate predicts the evaluation of so many images, by the launches of a batch and by those of a
// batch as large as a training step's. The start of each batch's graph, and the copy in front of
// it, are not counted.
func Evaluate(card Card, images, batch int, launches []Launch, stepBatch int, step []Launch) Evaluation {
	own, small := Predict(card, launches), Predict(card, step)
	part := func(batch int) float64 { return float64(images) / float64(batch) }
	count := func(batch int) int { return (images + batch - 1) / batch }
	e := Evaluation{
		Images: images, Batch: batch, Batches: count(batch), Time: own.Time * part(batch),
		StepBatch: stepBatch, StepBatches: count(stepBatch), StepTime: small.Time * part(stepBatch),
	}
	for _, c := range own.Costs {
		e.Floor += c.Floor * part(batch)
	}
	return e
}

// String is the prediction as a line of text.
func (e Evaluation) String() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "%.1f ms an evaluation of %d images in %d batches of %d: %s img/s, floor %.1f ms", e.Time*1e3, e.Images, e.Batches, e.Batch, perSecond(e.Images, e.Time), e.Floor*1e3)
	if e.Batch != e.StepBatch {
		fmt.Fprintf(&sb, "; in %d batches of %d, as a step has: %.1f ms, %s img/s", e.StepBatches, e.StepBatch, e.StepTime*1e3, perSecond(e.Images, e.StepTime))
	}
	return sb.String() + "\n"
}
