package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"shake/internal/engine"
)

// Status is the state of a run.
type Status string

// The states of a run. A killed process leaves Starting or Running behind.
const (
	Starting    Status = "starting" // no checkpoint yet
	Running     Status = "running"
	Interrupted Status = "interrupted"
	Finished    Status = "finished"
	DivergedRun Status = "diverged"
)

// Record is run.json: the run's parts, its machine, and its progress. The fields about the machine
// are those of the latest process.
type Record struct {
	Name       string    `json:"name"`
	Status     Status    `json:"status"`
	Version    string    `json:"version"`
	Commit     string    `json:"commit,omitempty"`
	Go         string    `json:"go"`
	Platform   string    `json:"platform"`
	Device     string    `json:"device"`
	Detail     string    `json:"detail"`
	Workers    int       `json:"workers"`
	Seed       uint64    `json:"seed"`
	Parameters int64     `json:"parameters"`
	Weights    string    `json:"weights,omitempty"` // source file of the weights
	Data       string    `json:"data"`
	TrainData  string    `json:"train_data"` // SHA-256 of images and labels
	TestData   string    `json:"test_data,omitempty"`
	Classes    []string  `json:"classes,omitempty"` // names of those of own images, by label
	Started    time.Time `json:"started"`
	Updated    time.Time `json:"updated"`
	Seconds    float64   `json:"seconds"` // of training and evaluation, over all processes
	Steps      int       `json:"steps"`
	Epochs     int       `json:"epochs"`
	Lost       int       `json:"lost_epochs,omitempty"` // whose lines a resume found damaged
	// Of a finished run's last epoch, per cent
	TrainError *float64    `json:"train_error,omitempty"`
	TestError  *float64    `json:"test_error,omitempty"`
	Diverged   *Divergence `json:"diverged,omitempty"`
	// Cards is over all processes; nil if the run used none or they could not be watched.
	Cards []CardUse `json:"cards,omitempty"`
}

const maxRecord = 16 << 20 // bytes; a record has some thousands

// ReadRecord reads the run.json in dir.
func ReadRecord(dir string) (*Record, error) { return (&rundir{dir: dir}).readRecord() }

func (d *rundir) readRecord() (*Record, error) {
	file := d.path(RecordFile)
	b, err := d.store.Read(file, maxRecord)
	if err != nil {
		return nil, fmt.Errorf("reading the run's record: %w", err)
	}
	r := new(Record)
	err = json.Unmarshal(b, r)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, &Corrupt{File: file, Detail: err.Error(), Remedy: "restore it from a copy, or resume the run"}
	}
	return r, nil
}

// check is nil if a run could have written the record.
func (r *Record) check() error {
	switch {
	case !slices.Contains([]Status{Starting, Running, Interrupted, Finished, DivergedRun}, r.Status):
		return fmt.Errorf("status is %q", r.Status)
	case r.Name == "" || r.Device == "" || r.TrainData == "":
		return errors.New("name, device or train_data is missing")
	case r.Steps < 0 || r.Epochs < 0 || r.Epochs > r.Steps || r.Lost < 0 || r.Seconds < 0:
		return fmt.Errorf("steps is %d, epochs %d, lost_epochs %d, seconds %g", r.Steps, r.Epochs, r.Lost, r.Seconds)
	case (r.Status == DivergedRun) != (r.Diverged != nil):
		return fmt.Errorf("status is %q, diverged %v", r.Status, r.Diverged)
	}
	return nil
}

func (d *rundir) writeRecord(r *Record) error {
	r.Updated = time.Now().Truncate(time.Second)
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return d.store.writeBytes(d.path(RecordFile), append(b, '\n'))
}

// platform fills in the data of the running binary.
func (r *Record) platform(version string) {
	r.Version, r.Go, r.Platform = version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	if r.Commit = version; version == "unknown" {
		r.Commit = ""
	}
}

// OtherImages says which images are not those of the run: the training images, and the test images
// with those kept out of training.
func (r *Record) OtherImages(train, test, val *engine.Images) (trained, measured bool) {
	return Fingerprint(train) != r.TrainData, Fingerprint(Joined(some(test), some(val))) != r.TestData
}

// some is nil in place of no images.
func some(im *engine.Images) *engine.Images {
	if im == nil || im.N == 0 {
		return nil
	}
	return im
}

// OtherClass describes the first class whose name is another than in the run, "" if there is none.
// A run knows the names of own images alone.
func (r *Record) OtherClass(names []string) string {
	if r.Classes == nil || names == nil {
		return ""
	}
	for i := range max(len(r.Classes), len(names)) {
		have, was := "missing", "missing"
		if i < len(names) {
			have = strconv.Quote(names[i])
		}
		if i < len(r.Classes) {
			was = strconv.Quote(r.Classes[i])
		}
		if have != was {
			return fmt.Sprintf("class %d is %s, and was %s", i, have, was)
		}
	}
	return ""
}

// Fingerprint is the SHA-256 of a data set's pixels, labels and normalisation; "" without images.
func Fingerprint(im *engine.Images) string {
	if im == nil {
		return ""
	}
	h := sha256.New()
	h.Write(im.Pix[:min(len(im.Pix), im.N*im.C*im.H*im.W)])
	labels := make([]byte, 0, 2*im.N)
	for _, l := range im.Labels {
		labels = binary.LittleEndian.AppendUint16(labels, l)
	}
	h.Write(labels)
	fmt.Fprint(h, im.N, im.C, im.H, im.W, im.Mean, im.Std)
	return hex.EncodeToString(h.Sum(nil))
}
