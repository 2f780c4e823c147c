package dsl

import (
	"fmt"
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

// rules checks what concerns more than one key.
func (c *checker) rules(s *Spec) {
	if c.ok("name") && !nameForm.MatchString(s.Name) {
		c.fail("name", "letters, digits, '.', '_' and '-'", c.nodes["name"].have(), "")
	}
	c.layerLists(&s.Net)
	if c.ok("net") {
		c.net(&s.Net)
	}
	c.shake(s)
	c.train(s)
}

func (c *checker) shake(s *Spec) {
	sh := s.Shake
	branches := fmt.Sprintf("%d branches", s.Net.Branches)
	if s.Net.Branches == 1 {
		branches = "1 branch"
	}
	if c.ok("shake.range") && sh.Range[0] >= sh.Range[1] {
		c.fail("shake.range", "[low, high] with low below high", c.nodes["shake.range"].have(), "")
	} else if c.ok("shake.range", "net.branches") && sh.Range != [2]float64{0, 1} && s.Net.Branches != 2 {
		c.fail("shake.range", "[0.0, 1.0] unless there are two branches", fmt.Sprintf("%s with %s", c.nodes["shake.range"].have(), branches), "")
	}
	if !c.ok("shake.backward") || sh.Backward < M1 {
		return
	}
	m := quoteShort(modeWords[sh.Backward])
	if c.ok("net.branches") && s.Net.Branches != 2 {
		c.fail("shake.backward", `"even", "shake" or "keep" unless there are two branches`, fmt.Sprintf("%s with %s", m, branches), "")
	}
	if c.ok("shake.level") && sh.Level != Image {
		c.fail("shake.backward", `"even", "shake" or "keep" at level "batch"`, m, `write level = "image"`)
	}
}

func (c *checker) train(s *Spec) {
	t := s.Train
	if c.ok("train.batch", "train.replicas") && t.Batch < t.Replicas {
		c.fail("train.batch", fmt.Sprintf("at least one image for each of %d replicas", t.Replicas), fmt.Sprint(t.Batch), "")
	}
	if c.ok("train.momentum", "train.nesterov") && t.Nesterov && t.Momentum == 0 {
		c.fail("train.momentum", "a number above 0, since nesterov = true", "0", "or write nesterov = false")
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
