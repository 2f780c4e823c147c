package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/internal/exhaustive"
)

// emulated returns the program under test and the environment in which it finds emulated cards.
func emulated(t *testing.T) (shake string, env []string) {
	t.Helper()
	folder, err := emu.Build()
	if err != nil {
		t.Skip(err)
	}
	if shake, err = exec.LookPath("shake"); err != nil {
		t.Fatal(err)
	}
	return shake, append(os.Environ(), emu.PathVariable+"="+folder, "SHAKE_AUTOTUNE=0")
}

// launched starts the ranks of a run as a launcher would, on this machine, and returns their
// output, rank 0's first.
func launched(t *testing.T, env [2]string, device [2]string, wrap ...string) (said [2]string) {
	t.Helper()
	shake, common := emulated(t)
	var all sync.WaitGroup
	for r := range said {
		args := append(slices.Clone(wrap), shake, "run", "testdata/tiny.toml", "--device", device[r], "--out", filepath.Join(t.TempDir(), "run"), "-o", "train.max_steps=1")
		c := exec.Command(args[0], args[1:]...)
		c.Env = append(slices.Clone(common), fmt.Sprint("RANK=", r), "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", fmt.Sprint("SHAKE_SECRET=", t.Name()), env[r])
		all.Go(func() {
			out, err := c.CombinedOutput()
			if said[r] = string(out); err == nil {
				t.Errorf("rank %d ends well: %s", r, out)
			}
		})
	}
	all.Wait()
	return said
}

// Ranks whose NCCL differs, or that take one card together, end before the first step; so do those
// of a container whose shared memory is too small.
func TestRanksDoNotFit(t *testing.T) {
	exhaustive.Only(t)
	for _, c := range []struct {
		name        string
		env, device [2]string
		wrap        []string
		want        string
	}{
		{"other NCCL", [2]string{"", "SHAKE_EMU_NCCL=version=22000"}, [2]string{"gpu:0", "gpu:1"}, nil, "rank 1 has NCCL 2.20.0, rank 0 NCCL 2."},
		{"one card", [2]string{}, [2]string{"gpu:0", "gpu:0"}, nil, "rank 1 takes the card of rank 0, GPU-7368616b-6520-656d-756c-61746f722030: start as many processes as there are cards"},
		{"no shared memory", [2]string{}, [2]string{"gpu:0", "gpu:1"}, []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=64k none /dev/shm && exec "$@"`, "sh"}, "--shm-size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.wrap != nil && exec.Command(c.wrap[0], append(c.wrap[1:], "true")...).Run() != nil {
				t.Skip("no mount namespace here with a /dev/shm of its own: it wants root")
			}
			said := launched(t, c.env, c.device, c.wrap...)
			if !strings.Contains(said[0], c.want) || strings.Count(said[0], "shake: ") != 1 || strings.Contains(said[0], "test error") {
				t.Errorf("rank 0: %s\nrank 1: %s", said[0], said[1])
			}
		})
	}
}

// A rank that cannot begin tells the others: none of them waits for long.
func TestRanksPart(t *testing.T) {
	const noCard = "--device gpu:7: there is no card 7"
	for _, c := range []struct {
		name   string
		device [2]string
		want   [2][]string // in the words of each rank
	}{
		{"rank 1", [2]string{"gpu:0", "gpu:7"}, [2][]string{{"rank 1 (at 127.0.0.1:", noCard}, {noCard}}},
		{"rank 0", [2]string{"gpu:7", "gpu:0"}, [2][]string{{noCard}, {"rank 0 is gone, and the other ranks with it"}}},
		{"both", [2]string{"gpu:7", "gpu:7"}, [2][]string{{noCard}, {noCard}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := time.Now()
			said := launched(t, [2]string{}, c.device)
			for r, wants := range c.want {
				for _, want := range wants {
					if !strings.Contains(said[r], want) || strings.Count(said[r], "shake: ") != 1 {
						t.Errorf("rank %d: %s\nwant %q in it", r, said[r], want)
					}
				}
			}
			if d := time.Since(from); d > 2*time.Minute {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// launchers are the commands of the launchers that are here, for so many processes.
func launchers(t *testing.T, n string) (out [][]string) {
	t.Helper()
	torchrun, _ := filepath.Abs("../../.venv/bin/torchrun")
	if _, err := os.Stat(torchrun); err != nil {
		torchrun = "torchrun"
	}
	for _, l := range [][]string{
		{torchrun, "--no-python", "--nproc-per-node", n, "--master-port", "29511"},
		{"mpirun", "--allow-run-as-root", "--oversubscribe", "-np", n},
		{"srun", "--immediate=60", "--overcommit", "--ntasks", n},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := exec.LookPath(l[0]); err != nil {
			t.Logf("%v", err)
		} else if up, err := exec.CommandContext(ctx, "sinfo", "--noheader", "--format=%a").CombinedOutput(); l[0] == "srun" && (err != nil || !bytes.Contains(up, []byte("up"))) {
			t.Logf("srun: no cluster answers: %s (%v)", up, err)
		} else {
			out = append(out, l)
		}
	}
	return out
}

// Real launchers start runs of two and of four processes, which end with the same bits under every
// launcher, and under none.
func TestLaunchers(t *testing.T) {
	exhaustive.Only(t)
	shake, common := emulated(t)
	for _, n := range []string{"2", "4"} {
		all := launchers(t, n)
		if all == nil {
			t.Skip("torchrun, mpirun and a cluster of SLURM: none is here")
		}
		var first []byte
		for _, launcher := range append(all, nil) {
			dir := filepath.Join(t.TempDir(), "run")
			device := "gpu"
			if launcher == nil {
				device = map[string]string{"2": "gpu:0,1", "4": "gpu:0,1,2,3"}[n]
			}
			args := append(launcher, shake, "run", "testdata/tiny.toml", "--device", device, "--out", dir, "-o", "train.max_steps=3", "-o", "train.replicas="+n)
			c := exec.Command(args[0], args[1:]...)
			c.Env = append(slices.Clone(common), "SHAKE_EMU_CUDA=cards=4")
			out, err := c.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte(n+" cards: ")) {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
			b, err := os.ReadFile(filepath.Join(dir, "last.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = b
			}
			if !bytes.Equal(b, first) {
				t.Errorf("%s ranks by %s end with other bits", n, args[0])
			}
		}
	}
}
