package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSweepShards runs the tasks of a SLURM array, and the pods of an indexed job, as processes
// with their variables, all at once in one directory. Exactly one of them trains each run.
func TestSweepShards(t *testing.T) {
	for name, variables := range map[string]func(i, n int) []string{
		"SLURM": func(i, n int) []string {
			return []string{fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", 10+2*i), "SLURM_ARRAY_TASK_MIN=10", fmt.Sprintf("SLURM_ARRAY_TASK_COUNT=%d", n), "SLURM_ARRAY_TASK_STEP=2"}
		},
		"Kubernetes": func(i, n int) []string {
			return []string{fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i), fmt.Sprintf("JOB_COMPLETIONS=%d", n)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const tasks = 4
			sweep := sixRuns(t)
			var running []*exec.Cmd
			var said [tasks]strings.Builder
			for i := range tasks {
				c := exec.Command("shake", "sweep", sweep, "--out", filepath.Join(filepath.Dir(sweep), "out"), "--device", "cpu", "-o", "train.epochs=1")
				c.Env = append(os.Environ(), variables(i, tasks)...)
				c.Stderr = &said[i]
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				running = append(running, c)
			}
			trained := map[string]int{}
			for i, c := range running {
				if err := c.Wait(); err != nil {
					t.Errorf("task %d: %v\n%s", i, err, said[i].String())
				}
				for l := range strings.Lines(said[i].String()) {
					if run, _, ok := strings.Cut(l, ": finished"); ok {
						trained[run]++
					}
				}
			}
			if len(trained) != 6 {
				t.Errorf("trained %v, want six runs", trained)
			}
			for run, n := range trained {
				if n != 1 {
					t.Errorf("%s was trained %d times", run, n)
				}
			}
			if n := len(finishedRuns(t, filepath.Join(filepath.Dir(sweep), "out"))); n != 6 {
				t.Errorf("%d finished runs, want 6", n)
			}
		})
	}
}
