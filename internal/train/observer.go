package train

import "time"

// Observer receives the events of a run. Calls come from the goroutine of Run, one at a time, and
// the run waits until they return.
type Observer interface {
	Start(Decisions)   // once, before the first step
	Progress(Progress) // about four times a second while steps run
	Step(StepRecord)   // each line of train.log_steps
	// Epoch comes after each epoch's evaluation, and after that of an epoch cut short by
	// train.max_steps.
	Epoch(EpochRecord)
	Saved(Saved)        // a checkpoint is on the disk
	Notice(text string) // news for the user that did not stop the run
	End(Summary)        // once, if the run finished, diverged, or had finished before
}

// Decisions are the first lines of a run.
type Decisions struct {
	Name, Dir     string
	Device        string // "cpu"
	Detail        string // "avx512, 2 workers"
	Workers       int
	Seed          uint64
	Replicas      int
	Batch         int
	Epochs        int
	StepsPerEpoch int
	MaxSteps      int // 0: none
	Parameters    int64
	MemoryBytes   int64 // bytes of the program and the data set
	FreeBytes     int64 // memory available on the machine when the run began; 0: unknown
	TrainImages   int
	TestImages    int
	ValImages     int    // images kept out of training
	Data          string // Options.DataNote
	Weights       string // source file of the weights, if any
	Version       string
	Resumed       bool
	Epoch, Step   int // the start of a resumed run: completed epochs and steps
}

// Progress is the live line.
type Progress struct {
	Epoch, Epochs int // the epoch being trained, from 1
	Step          int // completed steps in this epoch
	StepsPerEpoch int
	TotalStep     int // completed steps of the run
	TotalSteps    int // all steps of the run
	Evaluating    bool
	Loss          float64       // mean over this epoch's images so far
	Error         float64       // training error so far, per cent
	LR            float64       // of the last step
	ImagesPerSec  float64       // training images, evaluation time not counted
	ETA           time.Duration // 0 while unknown
}

// StepRecord is the line of one step (or, with train.log_steps = n, of the n steps that end with
// it).
type StepRecord struct {
	Step   int     `json:"step"`  // from 1, over the run
	Epoch  int     `json:"epoch"` // from 1
	Loss   float64 `json:"loss"`  // mean cross-entropy over Images
	LR     float64 `json:"lr"`    // of the last of the steps
	Errors int     `json:"errors"`
	Images int     `json:"images"`
}

// EpochRecord is the line of one epoch. Errors are in per cent. Without a test set, and in an epoch
// that train.eval_every leaves out, TestImages and the test figures are 0; so are those of
// validation without a split.
type EpochRecord struct {
	Epoch      int // from 1
	Step       int // completed steps
	TrainLoss  float64
	TrainError float64
	TestLoss   float64 // not finite if a test logit is not
	TestError  float64
	TestImages int
	ValLoss    float64
	ValError   float64
	ValImages  int
	LR         float64 // of the epoch's last step
	// Took is the time of training and evaluation in this process's part of the epoch. It is not in
	// metrics.jsonl.
	Took time.Duration
}

// Saved is a checkpoint.
type Saved struct {
	Path        string
	Epoch, Step int // completed epochs and steps
}

// Summary is the result of a run. The errors, in per cent, are those of the last epoch, never of
// the best.
type Summary struct {
	Name, Dir    string
	TrainError   float64
	TrainLoss    float64
	TestError    float64
	TestLoss     float64
	TestImages   int
	ValError     float64
	ValLoss      float64
	ValImages    int
	Epochs       int // completed epochs
	Steps        int
	Average      *AverageRecord // of the averaged weights, once they are made
	Evaluated    bool           // an epoch line exists, so that the figures above have a meaning
	Finished     bool           // the recipe of the network file (or max_steps) is complete
	Diverged     *Divergence
	Seconds      float64 // of training and evaluation, over all resumes
	ImagesPerSec float64 // training images, over this process; 0 if it trained none
	Weights      string  // path of last.safetensors
	Curves       []string
	Cards        []CardUse // see Record
}

// Divergence is the place where the loss stopped being finite. Both numbers count from 1; Iteration
// is within the epoch.
type Divergence struct {
	Epoch     int `json:"epoch"`
	Iteration int `json:"iteration"`
	Step      int `json:"step"` // over the run, from 1
}
