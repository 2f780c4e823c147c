package experiment

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"shake/dsl"
	"shake/internal/train"
	"shake/nets"
)

// TestLook: a finished run is over once it has its epochs or its steps, however many images these
// are of. A run whose metrics lack epochs is damaged.
func TestLook(t *testing.T) {
	for _, c := range []struct {
		epochs, steps int // done
		overrides     []string
		want          State
		lost          int // epochs without a line
	}{
		{2, 782, []string{"train.epochs=2"}, Finished, 0},
		{2, 704, []string{"train.epochs=2", "data.validation=5000"}, Finished, 0},
		{2, 6, []string{"train.epochs=2", "data.set=images", "data.classes=3"}, Finished, 0},
		{1, 391, []string{"train.epochs=2"}, Part, 0},
		{0, 7, []string{"train.max_steps=7"}, Finished, 0},
		{0, 7, []string{"train.max_steps=8"}, Part, 0},
		{2, 782, []string{"train.epochs=2"}, Damaged, 1},
	} {
		spec, err := nets.Load("26-2x32d", c.overrides...)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		record := fmt.Sprintf(`{"name": "n", "status": "finished", "device": "cpu", "train_data": "x", "steps": %d, "epochs": %d}`, c.steps, c.epochs)
		lines := ""
		for e := range c.epochs - c.lost {
			lines += fmt.Sprintf(`{"event":"epoch","epoch":%d}`+"\n", e+1)
		}
		for name, text := range map[string]string{train.ConfigFile: "", train.MetricsFile: lines, train.RecordFile: record} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if s := Look(Run{Row: &dsl.Row{Spec: spec}, Dir: dir}); s.State != c.want {
			t.Errorf("%v after %d epochs, %d steps: want %s, have %s (%s)", c.overrides, c.epochs, c.steps, c.want, s.State, s.Note)
		}
	}
}
