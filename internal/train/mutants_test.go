package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/files/filestest"
)

func TestMutants(t *testing.T) {
	dir := t.TempDir()
	seeds := [][]byte{
		encoded(t, map[string]string{countersKey: `{"step":3,"epochs":1,"epoch":{"images":5,"loss":1.5,"errors":2},"metrics_bytes":9}`}), encoded(t, nil),
		header(`{"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},"n":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}`, 16),
		header(`{"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}`, 8), header("{}", 0),
	}
	t.Run("weights", func(t *testing.T) {
		filestest.Mutants(t, seeds, 1<<20, func(b []byte) error {
			_, _, err := decodeTensors(bytes.NewReader(b), int64(len(b)))
			return err
		}, func(err error) bool {
			return strings.Contains(err.Error(), "offset ")
		})
	})
	t.Run("checkpoint", func(t *testing.T) {
		path := filepath.Join(dir, stepName(3))
		filestest.Mutants(t, seeds, 1<<20, func(b []byte) error {
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := (&checkpoints{dir: dir}).read(path)
			return err
		}, func(err error) bool {
			var bad *Corrupt
			return errors.As(err, &bad) && bad.File == path
		})
	})
	record, err := json.Marshal(&Record{Name: "n", Status: Running, Steps: 4, Diverged: &Divergence{Epoch: 1}, Cards: []CardUse{{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("record", func(t *testing.T) {
		filestest.Mutants(t, [][]byte{record}, 1<<20, func(b []byte) error {
			if err := os.WriteFile(filepath.Join(dir, RecordFile), b, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := ReadRecord(dir)
			return err
		}, func(err error) bool { return strings.Contains(err.Error(), RecordFile) })
	})
}

// FuzzRecord: any content of a run.json gives a record or an error that names the file.
func FuzzRecord(f *testing.F) {
	dir := f.TempDir()
	f.Add([]byte(`{"name":"n","status":"running","seed":1,"steps":4,"diverged":{"epoch":1,"iteration":2,"step":3},"cards":[{"card":0,"memory_total":null}]}`))
	f.Add([]byte(`{"started":"0001-01-01T00:00:00Z","seconds":1e300,"steps":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, RecordFile), b, 0o666); err != nil {
			t.Fatal(err)
		}
		if rec, err := ReadRecord(dir); err == nil && rec == nil || err != nil && !strings.Contains(err.Error(), RecordFile) {
			t.Fatalf("%v, %v", rec, err)
		}
	})
}
