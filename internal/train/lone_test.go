package train

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLoneValues: batch normalization on one value a channel is a warning, and nothing else is.
func TestLoneValues(t *testing.T) {
	small := []string{"net.stem=[{ conv = '32x32', out = 4, pad = 0 }, 'bn']", "net.branch=[{ conv = '1x1' }]"}
	for _, c := range []struct {
		name      string
		overrides []string
		want      string
	}{
		{"large maps", []string{"train.batch=2", "train.replicas=2"}, ""},
		{"two images a replica", append(small, "train.batch=4", "train.replicas=2", "data.train_images=28"), ""},
		{"one image a replica", append(small, "train.batch=4", "train.replicas=4"), "stem.1 works on one value a channel: "},
		{"one of three images", append(small, "train.batch=3", "train.replicas=2"), "stem.1 works on one value a channel: "},
		{"the last batch", append(small, "train.batch=14", "train.replicas=2"), "in the last step of an epoch"},
	} {
		l := &listener{}
		o := options(t, filepath.Join(tempDir(t), "run"), append(c.overrides, "train.epochs=1")...)
		if n := o.Spec.Data.TrainImages; n > 0 {
			o.Train = images(n, 1)
		}
		o.Observer = l
		mustRun(t, o)
		if have := strings.Join(l.notices, "\n"); c.want == "" && have != "" || !strings.Contains(have, c.want) {
			t.Errorf("%s: want a notice with %q, have %q", c.name, c.want, have)
		}
	}
}
