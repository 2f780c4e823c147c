package gpu

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
	"shake/nets"
)

var plansFolder = flag.String("plans", "", "TestRealPlans: keep the plans of three networks in this `folder`, for a card that has no time to make them")

// TestRealPlans makes the plans of a training step by the real cuDNN for a described H100 and keeps
// them in a cache, as a first start on the card without tuning would. make plans packs this cache.
// With -plans the plans are those of the networks of gpu-check, else those of a few convolutions of
// the small network.
func TestRealPlans(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	dir, names, most := *plansFolder, []string{"26-2x32d", "26-2x96d", "resnext29"}, 1<<20
	if dir == "" {
		dir, names, most = t.TempDir(), []string{"quick"}, 3 // some plans take seconds
	}
	cache, err := cudnn.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	cache.Report = func(file, why string) { t.Errorf("%s: %s", file, why) }
	h.UseCache(cache)
	seen := map[string]bool{}
	for _, name := range names {
		spec, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		p := precisions[0]
		l := list(t, spec, p.storage, spec.Train.Batch, spec.Train.Replicas)
		for _, o := range l.Ops {
			c := l.convolution(o, l.Batch, p)
			if c == nil || seen[c.key()] || len(seen) == most {
				continue
			}
			seen[c.key()] = true
			pieces := []*convolution{c}
			if err := planned(h, c); errors.Is(err, cudnn.ErrNotSupported) {
				pieces = nil
				for _, s := range slicesOf(o) { // the slices that a program would try
					pieces = append(pieces, l.convolution(s, l.Batch, p))
				}
			}
			for _, c := range pieces {
				if err := planned(h, c); err != nil {
					t.Errorf("%s: %s: %v", name, l.op(o), err)
				}
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.plan"))
	if err != nil || len(files) < len(seen) {
		t.Errorf("%d plans kept of %d convolutions, %v", len(files), len(seen), err)
	}
	size := int64(0)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	t.Logf("cuDNN %s for %s: %d plans, %.1f MB", h.Version(), h.Card(), len(files), float64(size)/1e6)
}

// planned makes c's plan, or finds it in the cache.
func planned(h *cudnn.Handle, c *convolution) error {
	plan, err := c.plan(h, c.t[0], c.t[1], c.t[2], c.desc, c.options(true)...)
	if err != nil {
		return err
	}
	return plan.Close()
}
