package train

import (
	"encoding/json"
	"fmt"

	"shake/dsl"
)

// experiment identifies the experiment that a checkpoint belongs to. It stands in the checkpoint's
// metadata.
type experiment struct {
	// The resolved network, with the free keys set to their defaults
	Config    string `json:"config"`
	TrainData string `json:"train_data"`          // SHA-256, as in Record
	TestData  string `json:"test_data,omitempty"` // the same
}

// fixed is the text of a resolved network without the keys that may change when a run is resumed,
// so that equal experiments have equal texts.
func fixed(spec *dsl.Spec) string {
	s := *spec
	s.Train.Workers, s.Train.LogSteps, s.Train.CheckpointEvery, s.Train.CheckpointSteps, s.Train.MaxSteps, s.Train.EvalEvery = 0, 0, 1, 0, 0, 1
	s.Engine = dsl.Engine{Conv: "auto", Precision: "auto", Deterministic: true}
	return string(s.TOML())
}

// resolved is the text of a resolved network with the keys that later versions of the language have
// added. A text that does not parse is returned unchanged.
func resolved(text []byte) []byte {
	spec, err := (&dsl.Loader{}).Parse(ConfigFile, text)
	if err != nil {
		return text
	}
	return spec.TOML()
}

// encode is the experiment in the form of the metadata.
func (e experiment) encode() (string, error) {
	b, err := json.Marshal(e)
	return string(b), err
}

// same is *Mismatch if a checkpoint belongs to another experiment than the current one: config.toml
// was edited since, or the images are others. An experiment without a network belongs to a
// checkpoint of format 1, which has no network to compare.
func (e experiment) same(dir string, spec *dsl.Spec, train, test string) error {
	if e.Config == "" {
		return nil
	}
	keys, err := Differences(resolved([]byte(e.Config)), spec)
	if err != nil {
		return fmt.Errorf("reading the checkpoint's network: %w", err)
	}
	if keys == nil { // keys of the data make other images, and say more
		if e.TrainData != train {
			keys = append(keys, "the training images are not those of the checkpoint")
		}
		if e.TestData != test {
			keys = append(keys, "the test images are not those of the checkpoint")
		}
	}
	if len(keys) > 0 {
		return &Mismatch{Dir: dir, Keys: keys, Checkpoint: true}
	}
	return nil
}
