package experiment

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Shard is a part of a sweep's runs: number I, from 1, of N parts. The N parts are disjoint and
// together whole.
type Shard struct{ I, N int }

// Whole is the shard of a sweep that is not divided.
var Whole = Shard{1, 1}

// has tells whether the shard has the run of this index, from 0.
func (s Shard) has(index int) bool { return index%s.N == s.I-1 }

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.I, s.N) }

// maxShards is the largest number of parts.
const maxShards = 1 << 20

var shardForm = regexp.MustCompile(`^([0-9]{1,9})/([0-9]{1,9})$`)

// ParseShard reads "3/8".
func ParseShard(s string) (Shard, error) {
	m := shardForm.FindStringSubmatch(s)
	if m == nil {
		return Shard{}, fmt.Errorf("%q: want I/N, such as 3/8", s)
	}
	i, _ := strconv.Atoi(m[1])
	n, _ := strconv.Atoi(m[2])
	if n < 1 || n > maxShards || i < 1 || i > n {
		return Shard{}, fmt.Errorf("%q: want I from 1 to N, and N from 1 to %d", s, maxShards)
	}
	return Shard{i, n}, nil
}

// The variables of schedulers that number the tasks of a job. Kubernetes gives a pod its index but
// not the number of pods; a manifest passes that number as JOB_COMPLETIONS.
const (
	slurmID, slurmMin, slurmCount, slurmStep = "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_STEP"
	jobIndex, jobCompletions                 = "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"
)

// ShardOf finds the shard of this process in the variables of a SLURM array or of an indexed job of
// Kubernetes; from names the source. Without the variables the shard is Whole and from is empty.
// Variables that contradict each other are an error, which prints them.
func ShardOf(getenv func(string) string) (s Shard, from string, err error) {
	slurm, job := getenv(slurmID) != "", getenv(jobIndex) != ""
	switch {
	case slurm && job:
		return Shard{}, "", fmt.Errorf("both %s and %s are set: --shard I/N says which part this is", seen(getenv, slurmID), seen(getenv, jobIndex))
	case slurm:
		return slurmShard(getenv)
	case job:
		return jobShard(getenv)
	}
	return Whole, "", nil
}

// slurmShard is the position of an array's task among the evenly spaced ids of the array.
func slurmShard(getenv func(string) string) (Shard, string, error) {
	from := seen(getenv, slurmID, slurmMin, slurmCount, slurmStep)
	id, okID := whole(getenv(slurmID))
	least, okMin := whole(getenv(slurmMin))
	count, okCount := whole(getenv(slurmCount))
	step, okStep := whole(getenv(slurmStep))
	if getenv(slurmStep) == "" {
		step, okStep = 1, true
	}
	if !okID || !okMin || !okCount || !okStep || step < 1 || count < 1 || count > maxShards {
		return Shard{}, "", fmt.Errorf("%s: want whole numbers of a SLURM array; --shard I/N says which part this is", from)
	}
	if i := (id-least)/step + 1; id >= least && (id-least)%step == 0 && i <= count {
		return Shard{i, count}, from, nil
	}
	return Shard{}, "", fmt.Errorf("%s: the ids of the array are not evenly spaced; --shard I/N says which part this is", from)
}

func jobShard(getenv func(string) string) (Shard, string, error) {
	from := seen(getenv, jobIndex, jobCompletions)
	i, okIndex := whole(getenv(jobIndex))
	if getenv(jobCompletions) == "" {
		return Shard{}, "", fmt.Errorf("%s, but not %s: set it to the job's completions, or say --shard I/N", from, jobCompletions)
	}
	n, okCount := whole(getenv(jobCompletions))
	if !okIndex || !okCount || n < 1 || n > maxShards || i >= n {
		return Shard{}, "", fmt.Errorf("%s: want an index from 0 below the number of completions", from)
	}
	return Shard{i + 1, n}, from, nil
}

// whole reads a number of at most nine digits.
func whole(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && len(s) <= 9
}

// seen prints the variables that are set, as NAME=value.
func seen(getenv func(string) string, names ...string) string {
	var out []string
	for _, n := range names {
		if v := getenv(n); v != "" {
			if _, ok := whole(v); !ok {
				v = strconv.Quote(v)
			}
			out = append(out, n+"="+v)
		}
	}
	return strings.Join(out, " ")
}
