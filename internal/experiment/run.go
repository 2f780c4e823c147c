package experiment

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"shake/dsl"
	"shake/internal/graph"
	"shake/internal/train"
)

// Run is one training of a sweep: a row with a seed.
type Run struct {
	Row  *dsl.Row
	Seed uint64
	Dir  string // its run directory
}

func (r Run) String() string { return fmt.Sprintf("%s, seed %d", r.Row.Name, r.Seed) }

// State is the progress of a run.
type State string

// The states of a run. Part means that a checkpoint of it can be resumed. A process may be at work
// on it or not.
const (
	Waiting  State = "waiting"
	Part     State = "part"
	Finished State = "finished"
	Diverged State = "diverged"
	Damaged  State = "damaged" // its directory cannot be read
)

// Over tells whether no step is left to train.
func (s State) Over() bool { return s == Finished || s == Diverged }

// Status is the state of a run by its directory. Errors are in per cent, of the last epoch that was
// evaluated; NaN before the first.
type Status struct {
	State      State
	Epochs     int // whole epochs done
	Steps      int
	TrainError float64
	TestError  float64
	Seconds    float64 // of training and evaluation, over all processes
	Note       string  // of a damaged or diverged run
}

// Look reads the directory of a run.
func Look(r Run) Status {
	s := Status{State: Waiting, TrainError: math.NaN(), TestError: math.NaN()}
	if _, err := os.Stat(filepath.Join(r.Dir, train.ConfigFile)); os.IsNotExist(err) {
		return s
	}
	rec, err := train.ReadRecord(r.Dir)
	if err != nil {
		s.State, s.Note = Damaged, err.Error()
		return s
	}
	s.Epochs, s.Steps, s.Seconds = rec.Epochs, rec.Steps, rec.Seconds
	epochs, err := train.ReadEpochs(r.Dir, rec)
	if err != nil {
		s.State, s.Note = Damaged, err.Error()
		return s
	}
	if n := len(epochs); n > 0 {
		last := epochs[n-1]
		s.TrainError = last.TrainError
		if last.TestImages > 0 {
			s.TestError = last.TestError
		}
	}
	switch {
	case rec.Status == train.DivergedRun:
		s.State = Diverged
		if d := rec.Diverged; d != nil {
			s.Note = fmt.Sprintf("in epoch %d, iteration %d", d.Epoch, d.Iteration)
		}
	case rec.Status == train.Finished && complete(rec, r.Row.Spec.Train):
		s.State = Finished
	default:
		s.State = Part
	}
	return s
}

// complete tells whether a finished run has all steps of a recipe, whose train.max_steps may be
// larger than the run's was.
func complete(rec *train.Record, t dsl.Train) bool {
	return rec.Epochs >= t.Epochs || t.MaxSteps > 0 && rec.Steps >= t.MaxSteps
}

// SetImages is the number of training images of the data sets with a name.
const SetImages = 50000

// Images is the number of training images of an epoch, of own images a guess.
func Images(s *dsl.Spec) int {
	return max(1, cmp.Or(s.Data.TrainImages, SetImages)-s.Data.Validation)
}

// Steps is the number of steps of a whole run.
func Steps(s *dsl.Spec) int {
	n := s.Train.Epochs * epochSteps(s)
	if s.Train.MaxSteps > 0 {
		n = min(n, s.Train.MaxSteps)
	}
	return n
}

func epochSteps(s *dsl.Spec) int { return (Images(s) + s.Train.Batch - 1) / s.Train.Batch }

// Trained is the number of images of the first steps of a run, in which the last step of an epoch
// may be a small one.
func Trained(s *dsl.Spec, steps int) int64 {
	epochs, rest := steps/epochSteps(s), steps%epochSteps(s)
	return int64(epochs)*int64(Images(s)) + int64(rest)*int64(s.Train.Batch)
}

// Work is the cost of a step of a network, in multiply-adds of the forward pass. It serves to
// compare networks, not to time one.
func Work(s *dsl.Spec) float64 {
	g, err := graph.Build(s)
	if err != nil { // the network was built before
		return 0
	}
	return float64(graph.Summarize(g).ForwardMACs) * float64(s.Train.Batch)
}
