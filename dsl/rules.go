package dsl

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"strings"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// nameOf makes a network's name from that of its file.
func nameOf(file string) string {
	base := path.Base(strings.ReplaceAll(strings.TrimPrefix(file, builtinPrefix), `\`, "/"))
	base = strings.TrimSuffix(base, ".toml")
	name := strings.Map(func(r rune) rune {
		if r < 128 && (isBare(byte(r)) || r == '.') {
			return r
		}
		return '-'
	}, base)
	if name = strings.TrimLeft(name, ".-"); name == "" {
		return "net"
	}
	return name
}

// rules checks the conditions of more than one key.
func (c *checker) rules(s *Spec) {
	if c.ok("name") && !nameForm.MatchString(s.Name) {
		c.fail("name", "letters, digits, '.', '_' and '-'", c.nodes["name"].have(), "")
	}
	c.layerLists(&s.Net)
	if c.image = (shape{s.Data.Channels, s.Data.Size, s.Data.Size}); c.ok("net", "data.size", "data.channels") {
		c.net(&s.Net)
	}
	c.shake(s)
	c.train(s)
	c.data(s)
}

func (c *checker) shake(s *Spec) {
	sh := s.Shake
	if c.nodes["shake.backward_range"] == nil && c.ok("shake.range") {
		s.Shake.BackwardRange = sh.Range
		sh.BackwardRange = sh.Range
	}
	if sh.Forward == Drop || sh.Backward == Drop {
		c.shakeDrop(s)
		return
	}
	if c.ok("shake.range") && min(sh.Range[0], sh.Range[1]) < 0 {
		c.fail("shake.range", `numbers from 0 to 1 unless forward is "drop"`, c.nodes["shake.range"].have(), "")
	} else if c.ok("shake.range") && sh.Range[0] >= sh.Range[1] {
		c.fail("shake.range", "[low, high] with low below high", c.nodes["shake.range"].have(), "")
	} else if c.ok("shake.range", "net.branches") && sh.Range != [2]float64{0, 1} && s.Net.Branches != 2 {
		c.fail("shake.range", "[0.0, 1.0] unless there are two branches", fmt.Sprintf("%s with %s", c.nodes["shake.range"].have(), branches(s)), "")
	} else if c.ok("shake.range", "shake.forward", "shake.backward") && sh.Range != [2]float64{0, 1} && sh.Forward != Shaken && sh.Backward != Shaken {
		c.fail("shake.range", `[0.0, 1.0] unless forward or backward is "shake"`, c.nodes["shake.range"].have()+", which nothing draws from", "write range = [0.0, 1.0]")
	}
	if c.ok("net.branches", "shake.forward") && s.Net.Branches == 1 && sh.Forward == Shaken {
		c.fail("shake.forward", `"even" with one branch: its coefficient is 1`, c.nodes["shake.forward"].have(), "")
	}
	if c.ok("net.branches", "shake.backward") && s.Net.Branches == 1 && sh.Backward == Shaken {
		c.fail("shake.backward", `"even" with one branch: its coefficient is 1`, c.nodes["shake.backward"].have(), "")
	}
	if c.ok("shake.backward") && sh.Backward >= M1 {
		c.betaRule(s)
	}
	if c.ok("shake.backward_range", "shake.range") && sh.BackwardRange != sh.Range {
		c.fail("shake.backward_range", `the same as range unless forward is "drop"`, c.nodes["shake.backward_range"].have(), "")
	}
	if c.ok("shake.gate") && sh.Gate != 0.5 {
		c.fail("shake.gate", `0.5 unless forward is "drop": nothing else has gates`, c.nodes["shake.gate"].have(), "")
	}
}

// shakeDrop checks a regularization with gates. Ends of a range may meet: [0, 0] is stochastic
// depth.
func (c *checker) shakeDrop(s *Spec) {
	sh := s.Shake
	if c.ok("shake.forward", "shake.backward") && sh.Forward != Drop {
		c.fail("shake.backward", `another word than "drop" unless forward is "drop" too`, `"drop"`, `write forward = "drop"`)
	} else if c.ok("shake.forward", "shake.backward") && sh.Backward != Drop && sh.Backward != Keep {
		c.fail("shake.backward", `"drop" or "keep" with forward = "drop"`, c.nodes["shake.backward"].have(), "")
	}
	for key, r := range map[string][2]float64{"shake.range": sh.Range, "shake.backward_range": sh.BackwardRange} {
		if c.ok(key) && r[0] > r[1] {
			c.fail(key, "[low, high] with low at most high", c.nodes[key].have(), "")
		}
	}
}

// betaRule checks the conditions of m1 to m5.
func (c *checker) betaRule(s *Spec) {
	m := quoteShort(modeWords[s.Shake.Backward])
	if c.ok("net.branches") && s.Net.Branches != 2 {
		c.fail("shake.backward", `"even", "shake" or "keep" unless there are two branches`, fmt.Sprintf("%s with %s", m, branches(s)), "")
	}
	if c.ok("shake.level") && s.Shake.Level != Image {
		c.fail("shake.backward", `"even", "shake" or "keep" at level "batch"`, m, `write level = "image"`)
	}
	if c.ok("shake.forward") && s.Shake.Forward == Even {
		c.fail("shake.backward", `"even", "shake" or "keep" with forward = "even"`, m+", which is made from the forward pass's draw", `write forward = "shake"`)
	}
}

func branches(s *Spec) string {
	if s.Net.Branches == 1 {
		return "1 branch"
	}
	return fmt.Sprintf("%d branches", s.Net.Branches)
}

// milestones checks that the schedule's turns follow each other within the training.
func (c *checker) milestones(t Train) {
	if !c.ok("train.milestones", "train.schedule", "train.epochs") {
		return
	}
	n := c.nodes["train.milestones"]
	switch {
	case t.Schedule == "step" && len(t.Milestones) == 0:
		c.fail("train.milestones", `at least one milestone of schedule = "step"`, n.have(), "such as milestones = [0.5, 0.75]")
	case t.Schedule == "constant" && len(t.Milestones) > 0:
		c.fail("train.milestones", `none with schedule = "constant"`, n.have(), "")
	}
	if c.ok("train.factor") && t.Schedule != "step" && t.Factor != 0.1 {
		c.fail("train.factor", `0.1 unless schedule is "step": nothing else multiplies the rate`, c.nodes["train.factor"].have(), "write factor = 0.1")
	}
	before := 0.0
	for i, m := range t.Milestones {
		at := fmt.Sprintf("train.milestones[%d]", i+1)
		c.nodes[at] = n.value.([]*node)[i]
		done := m // epochs
		if m < 1 {
			done = m * float64(t.Epochs)
		}
		switch {
		case m >= 1 && m != math.Trunc(m):
			c.fail(at, "whole epochs, or below 1 a fraction of the training", c.nodes[at].have(), "")
		case done <= before || done >= float64(t.Epochs):
			c.fail(at, fmt.Sprintf("milestones in order, within the %s of training", count(t.Epochs, "epoch")), c.nodes[at].have(), "")
			return
		}
		before = done
	}
}

// ownImages checks the keys that only images of one's own may have.
func (c *checker) ownImages(d Data) {
	if !c.ok("data.set") {
		return
	}
	own := d.Set == "images"
	for _, k := range []struct {
		key          string
		have, others int
	}{{"data.size", d.Size, 32}, {"data.channels", d.Channels, 3}, {"data.classes", d.Count, 0}} {
		if c.ok(k.key) && !own && k.have != k.others {
			c.fail(k.key, fmt.Sprintf(`%d: only set = "images" has another`, k.others), fmt.Sprintf("%d with %q", k.have, d.Set), "")
		}
	}
	for _, k := range []struct {
		key        string
		have, most int
	}{{"data.train_images", d.TrainImages, 50000}, {"data.test_images", d.TestImages, 10000}, {"data.validation", d.Validation, 49999}} {
		if c.ok(k.key) && !own && k.have > k.most {
			c.fail(k.key, fmt.Sprintf("at most %d of %q", k.most, d.Set), fmt.Sprint(k.have), "")
		}
	}
	switch {
	case own && c.ok("data.channels") && d.Channels == 2:
		c.fail("data.channels", "1 or 3", "2", "")
	case own && c.ok("data.classes") && d.Count < 2:
		c.fail("data.classes", `the number of classes of set = "images", at least 2`, fmt.Sprint(d.Count), "shake data stats PATH says it")
	}
	for _, key := range []string{"data.mean", "data.std"} {
		v := d.Mean
		if key == "data.std" {
			v = d.Std
		}
		if c.ok(key, "data.channels") && d.Channels == 1 && (v[0] != v[1] || v[0] != v[2]) {
			c.fail(key, "one number for one channel", c.nodes[key].have(), "")
		}
	}
}

// data wants images left to train on.
func (c *checker) data(s *Spec) {
	c.ownImages(s.Data)
	if n := s.Data.TrainImages; c.ok("data.validation", "data.train_images") && n > 0 && s.Data.Validation >= n {
		c.fail("data.validation", fmt.Sprintf("fewer than the %s that are used", count(n, "training image")), fmt.Sprint(s.Data.Validation), "")
	}
	if c.ok("data.split", "data.validation") && s.Data.Split != "last" && s.Data.Validation == 0 {
		c.fail("data.split", `"last" unless validation keeps images out of training`, c.nodes["data.split"].have(), "")
	}
	c.bytes(s.Data)
}

// bytes refuses a mean and a standard deviation for pixels from 0 to 1, as torchvision has them:
// the network's inputs would be near 1000. Those are a channel's deviation of at most 1, and a mean
// of at most 1 that goes with one, or with a deviation that no bytes of that mean have, which is at
// most sqrt(mean (255 - mean)). A dark channel's mean may be small.
func (c *checker) bytes(d Data) {
	if !c.ok("data.std") {
		return
	}
	fractions := func(key, want string, v [3]float64, is func(i int) bool) {
		wrong := false
		for i := range v {
			if is(i) {
				wrong, v[i] = true, math.Round(255e3*v[i])/1e3
			}
		}
		if list, ok := c.nodes[key].value.([]*node); ok && wrong {
			c.fail(key, want+" of pixels from 0 to 255", c.nodes[key].have(), "write "+floatsText(v[:len(list)]))
		}
	}
	if c.ok("data.mean") {
		fractions("data.mean", "the means", d.Mean, func(i int) bool {
			const rounded = 0.05 // numbers of one decimal
			m := d.Mean[i] + rounded
			return d.Mean[i] > 0 && d.Mean[i] <= 1 && (d.Std[i] <= 1 || d.Std[i]-rounded > math.Sqrt(m*(255-m)))
		})
	}
	fractions("data.std", "the deviations", d.Std, func(i int) bool { return d.Std[i] <= 1 })
}

func (c *checker) train(s *Spec) {
	t := s.Train
	if c.ok("train.batch", "train.replicas") && t.Batch < t.Replicas {
		c.fail("train.batch", fmt.Sprintf("at least one image for each of %d replicas", t.Replicas), fmt.Sprint(t.Batch), "")
	}
	if c.ok("train.momentum", "train.nesterov") && t.Nesterov && t.Momentum == 0 {
		c.fail("train.momentum", "a number above 0, since nesterov = true", "0", "or write nesterov = false")
	}
	c.milestones(t)
	if c.ok("train.swa", "train.epochs") && (t.SWA >= float64(t.Epochs) || t.SWA > 1 && t.SWA != math.Trunc(t.SWA)) {
		c.fail("train.swa", fmt.Sprintf("whole epochs before the last of %d, or below 1 a fraction of the training", t.Epochs), c.nodes["train.swa"].have(), "")
	}
	if c.ok("train.ema", "train.swa") && t.EMA > 0 && t.SWA > 0 {
		c.fail("train.ema", "0 with swa: a run has one average", c.nodes["train.ema"].have(), "")
	}
	if c.ok("train.warmup", "train.epochs") {
		warm := 0
		for i, p := range t.Warmup {
			if warm += p.Epochs; warm > t.Epochs {
				c.fail(fmt.Sprintf("train.warmup[%d].epochs", i+1), fmt.Sprintf("phases within the %s of training", count(t.Epochs, "epoch")), fmt.Sprintf("%d so far", warm), "")
				break
			}
		}
	}
}
