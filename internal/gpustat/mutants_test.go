package gpustat

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shake/internal/files/filestest"
)

// TestMutants: a spoilt journal loses lines and is never an error; every event that is read can be
// written again.
func TestMutants(t *testing.T) {
	var whole []byte
	for _, e := range []Event{Introduction{"card", at(0), 0, "NVIDIA H100", "GPU-1", "580"}, sampleAt(0, 1), sampleAt(0, 2), Lost{"lost", at(5), 0, "gone"}} {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(append(whole, b...), '\n')
	}
	file := filepath.Join(t.TempDir(), "gpu.jsonl")
	lines := bytes.Count(whole, []byte("\n"))
	filestest.Mutants(t, [][]byte{whole}, 4<<20, func(b []byte) error {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		heard := 0
		if err := ReadJournal(file, func(e Event) {
			heard++
			if _, err := json.Marshal(e); err != nil {
				t.Errorf("%+v: %v", e, err)
			}
		}); err != nil {
			t.Error(err)
		}
		if heard < lines {
			return errors.New("lines were lost")
		}
		return nil
	}, nil)
}
