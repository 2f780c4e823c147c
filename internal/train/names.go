package train

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"shake/internal/files"
)

// Names of files are compared letter by letter, never by pattern: the path of a run directory may
// hold brackets and stars, and the user's own files in it do not belong to the run.

const (
	stepPrefix   = "step-"
	stepDigits   = 10
	stepSuffix   = ".safetensors"
	eventsPrefix = "events.out.tfevents."
	eventsSuffix = ".shake"
)

// stepName is the name of the checkpoint of a step: "step-0000000012.safetensors".
func stepName(step int) string {
	return fmt.Sprintf("%s%0*d%s", stepPrefix, stepDigits, step, stepSuffix)
}

// stepOf returns the step whose checkpoint has this name; ok is false for any other name.
func stepOf(name string) (step int, ok bool) {
	digits, ok := between(name, stepPrefix, stepSuffix)
	if !ok || len(digits) != stepDigits || !decimal(digits) {
		return 0, false
	}
	for _, d := range digits {
		step = 10*step + int(d-'0')
	}
	return step, true
}

// isEvents tells whether name is that of a run's TensorBoard file.
func isEvents(name string) bool {
	digits, ok := between(name, eventsPrefix, eventsSuffix)
	return ok && decimal(digits)
}

// isTemp tells whether name is a temporary name, under which a file of a run is first written.
// Earlier versions wrote ".NAME.UNIQUE.tmp".
func isTemp(name string) bool {
	if files.IsTemp(name) {
		return true
	}
	inner, ok := between(name, ".", ".tmp")
	dot := strings.LastIndexByte(inner, '.')
	if !ok || dot < 0 {
		return false
	}
	base, unique := inner[:dot], inner[dot+1:]
	if unique == "" || strings.Trim(unique, "0123456789abcdef") != "" {
		return false
	}
	if _, step := stepOf(base); step {
		return true
	}
	switch base {
	case ConfigFile, RecordFile, WeightsFile, "curves.svg", "curves.png", "gpu.svg", "gpu.png":
		return true
	}
	return false
}

// Own tells whether path leads to a file of a run, whether it exists or not, which only the run
// writes. Links are followed, as files.Write follows them.
func Own(path string) bool {
	path, err := files.Follow(path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return false // no file
	}
	dir, name := filepath.Split(path)
	if dir, err = filepath.EvalSymlinks(filepath.Clean(dir)); err != nil {
		return false
	}
	if _, step := stepOf(name); step && filepath.Base(dir) == StateDir {
		dir = filepath.Dir(dir)
	} else if !slices.Contains(ownFiles, name) && !isEvents(name) {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err != nil {
		return false
	}
	_, record := os.Stat(filepath.Join(dir, RecordFile))
	_, state := os.Stat(filepath.Join(dir, StateDir))
	return record == nil || state == nil
}

// ownFiles are the files of a run directory, but for the TensorBoard file and checkpoints.
var ownFiles = []string{
	ConfigFile, RecordFile, MetricsFile, WeightsFile, AverageFile, LogFile, lockFile, GPUSamplesFile,
	"curves.svg", "curves.png", "gpu.svg", "gpu.png",
}

func between(s, prefix, suffix string) (string, bool) {
	s, a := strings.CutPrefix(s, prefix)
	s, b := strings.CutSuffix(s, suffix)
	return s, a && b
}

func decimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
