package experiment

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseShard(t *testing.T) {
	for s, want := range map[string]Shard{
		"1/1": {1, 1}, "3/8": {3, 8}, "8/8": {8, 8},
		"": {}, "0/8": {}, "9/8": {}, "3": {}, "1/0": {}, "-1/2": {}, "1/2/3": {}, "a/b": {}, "1/99999999999": {}, "1/9999999": {}, " 1/2": {},
	} {
		have, err := ParseShard(s)
		if have != want || (err == nil) != (want != Shard{}) {
			t.Errorf("%q: have %v, %v, want %v", s, have, err, want)
		}
	}
}

// TestShardsAreDisjointAndWhole: for any number of shards, every run belongs to exactly one.
func TestShardsAreDisjointAndWhole(t *testing.T) {
	for n := 1; n <= 40; n++ {
		for run := range 53 {
			owners := 0
			for i := 1; i <= n; i++ {
				if (Shard{i, n}).has(run) {
					owners++
				}
			}
			if owners != 1 {
				t.Errorf("run %d has %d owners among %d shards", run, owners, n)
			}
		}
	}
}

func TestShardOf(t *testing.T) {
	for _, c := range []struct {
		env  string
		want Shard
		says string // in the error
	}{
		{"", Whole, ""},
		{"SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=8", Shard{4, 8}, ""},
		{"SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_STEP=1", Shard{1, 8}, ""},
		{"SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=4", Shard{3, 3}, ""},
		{"SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=1", Shard{}, "not evenly spaced"},
		{"SLURM_ARRAY_TASK_ID=7", Shard{}, "SLURM_ARRAY_TASK_ID=7: want whole numbers"},
		{"SLURM_ARRAY_TASK_ID=x SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3", Shard{}, `SLURM_ARRAY_TASK_ID="x"`},
		{"JOB_COMPLETION_INDEX=2 JOB_COMPLETIONS=3", Shard{3, 3}, ""},
		{"JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=3", Shard{}, "below the number of completions"},
		{"JOB_COMPLETION_INDEX=3", Shard{}, "but not JOB_COMPLETIONS"},
		{"JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=3 SLURM_ARRAY_TASK_ID=1", Shard{}, "both SLURM_ARRAY_TASK_ID=1 and JOB_COMPLETION_INDEX=0"},
	} {
		env := map[string]string{}
		for _, f := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(f, "=")
			env[k] = v
		}
		have, from, err := ShardOf(func(k string) string { return env[k] })
		if have != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: have %v, %v, want %v", c.env, have, err, c.want)
		}
		if (from != "") != (err == nil && c.env != "") {
			t.Errorf("%s: from %q", c.env, from)
		}
	}
	if have := fmt.Sprint(Shard{3, 8}); have != "3/8" {
		t.Error(have)
	}
}
