package launch

import (
	"slices"
	"strings"
	"testing"
)

// vars is an environment.
func vars(s string) env {
	m := map[string]string{}
	for _, f := range strings.Fields(s) {
		k, v, _ := strings.Cut(f, "=")
		m[k] = v
	}
	return func(name string) string { return m[name] }
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, env string
		want      Place
	}{
		{"torchrun", "TORCHELASTIC_RUN_ID=77 RANK=3 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=node1 MASTER_PORT=29500",
			Place{"torchrun", 3, 4, 1, 2, "node1", "TORCHELASTIC_RUN_ID=77 MASTER_ADDR=node1 MASTER_PORT=29500", 0}},
		{"torchrun of no run id", "TORCHELASTIC_RUN_ID=none RANK=1 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=node1 MASTER_PORT=29511",
			Place{"torchrun", 1, 4, 1, 2, "node1", "TORCHELASTIC_RUN_ID=none MASTER_ADDR=node1 MASTER_PORT=29511", 0}},
		{"torchrun in a task of srun", "SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 TORCHELASTIC_RUN_ID=77 RANK=3 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=node1",
			Place{"torchrun", 3, 4, 1, 2, "node1", "TORCHELASTIC_RUN_ID=77 MASTER_ADDR=node1", 0}},
		{"PyTorchJob", "RANK=1 WORLD_SIZE=2 MASTER_ADDR=job-master-0 MASTER_PORT=23456 SHAKE_SECRET=abc", Place{"PyTorchJob", 1, 2, -1, 0, "job-master-0", "abc", 0}},
		{"PyTorchJob of an operator that tells torchrun too", "RANK=1 WORLD_SIZE=2 PET_NNODES=2 PET_NODE_RANK=1 PET_NPROC_PER_NODE=auto MASTER_ADDR=job-master-0 PET_MASTER_ADDR=job-master-0 SHAKE_SECRET=abc",
			Place{"PyTorchJob", 1, 2, -1, 0, "job-master-0", "abc", 0}},
		{"TrainJob", "PET_NNODES=2 PET_NODE_RANK=1 PET_NPROC_PER_NODE=1 PET_MASTER_ADDR=job-node-0-0.job SHAKE_SECRET=abc", Place{"TrainJob", 1, 2, -1, 0, "job-node-0-0.job", "abc", 0}},
		{"Open MPI", "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 PMIX_NAMESPACE=prte@1 PMIX_RANK=1",
			Place{"mpirun of Open MPI", 1, 2, 1, 2, "127.0.0.1", "PMIX_NAMESPACE=prte@1", 0}},
		{"MPICH", "PMI_RANK=0 PMI_SIZE=2 MPI_LOCALRANKID=0 MPI_LOCALNRANKS=1 SHAKE_ADDRESS=node3:4000 SHAKE_SECRET=s", Place{"mpirun of MPICH", 0, 2, 0, 1, "node3", "s", 4000}},
		{"srun", "SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4 SLURM_LOCALID=0 SLURM_STEP_NUM_NODES=2 SLURM_STEP_NODELIST=gpu[07-08,11],login SLURM_JOB_ID=12",
			Place{"srun", 2, 4, 0, 0, "gpu07", "SLURM_JOB_ID=12 SLURM_STEP_ID=0", 0}},
		{"srun with PMI", "SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=1 SLURM_STEP_NUM_NODES=1 SLURM_STEP_NODELIST=n1 SLURM_JOB_ID=12 PMI_RANK=1 PMI_SIZE=2",
			Place{"mpirun of MPICH", 1, 2, -1, 0, "n1", "SLURM_JOB_ID=12 SLURM_STEP_ID=0", 0}},
		{"mpirun of Open MPI in a shell of srun", "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 SLURM_LOCALID=0 SLURM_STEP_NODELIST=n1 SLURM_JOB_ID=12 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 PMIX_NAMESPACE=prte@1",
			Place{"mpirun of Open MPI", 1, 2, 1, 2, "127.0.0.1", "PMIX_NAMESPACE=prte@1", 0}},
		{"mpirun of MPICH in a shell of srun", "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 SLURM_STEP_NODELIST=n1 SLURM_JOB_ID=12 PMI_RANK=1 PMI_SIZE=2 MASTER_ADDR=n2 SHAKE_SECRET=s",
			Place{"mpirun of MPICH", 1, 2, -1, 0, "n2", "s", 0}},
		{"torchrun by its own arguments", "TORCHELASTIC_RUN_ID=7 RANK=0 WORLD_SIZE=2 PET_NNODES=1:2 PET_MASTER_ADDR=service MASTER_ADDR=pod MASTER_PORT=1", Place{"torchrun", 0, 2, -1, 0, "pod", "TORCHELASTIC_RUN_ID=7 MASTER_ADDR=pod MASTER_PORT=1", 0}},
		{"brackets", "SHAKE_WORLD=2 SHAKE_RANK=0 SHAKE_ADDRESS=[fd00::7] SHAKE_PORT=4001 SHAKE_SECRET=s", Place{"SHAKE_RANK and SHAKE_WORLD", 0, 2, -1, 0, "fd00::7", "s", 4001}},
		{"the port twice", "SHAKE_WORLD=2 SHAKE_RANK=0 SHAKE_ADDRESS=h:4000 SHAKE_PORT=4000 SHAKE_SECRET=s", Place{"SHAKE_RANK and SHAKE_WORLD", 0, 2, -1, 0, "h", "s", 4000}},
		{"two names of rank 0, and one that decides", "RANK=1 WORLD_SIZE=2 MASTER_ADDR=a PET_MASTER_ADDR=b SHAKE_ADDRESS=c SHAKE_SECRET=s", Place{"PyTorchJob", 1, 2, -1, 0, "c", "s", 0}},
		{"JobSet", "SHAKE_WORLD=2 JOB_COMPLETION_INDEX=1 SHAKE_ADDRESS=[fd00::7]:4000 SHAKE_SECRET=s RANK=9 WORLD_SIZE=2", Place{"SHAKE_RANK and SHAKE_WORLD", 1, 2, -1, 0, "fd00::7", "s", 4000}},
		{"a port", "SHAKE_WORLD=2 SHAKE_RANK=0 SHAKE_ADDRESS=h SHAKE_PORT=4001 SHAKE_SECRET=s", Place{"SHAKE_RANK and SHAKE_WORLD", 0, 2, -1, 0, "h", "s", 4001}},
	} {
		p, err := find(vars(c.env))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if *p != c.want {
			t.Errorf("%s: have %+v, want %+v", c.name, *p, c.want)
		}
	}
	for _, none := range []string{
		"", "RANK=3", "SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_JOB_ID=12", // a script of sbatch is no task
		"JOB_COMPLETION_INDEX=3", "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1",
	} {
		if p, err := find(vars(none)); p != nil || err != nil {
			t.Errorf("%q: have %+v, %v, want none", none, p, err)
		}
	}
}

// Two jobs on one host, or two steps of one job, know each other not, and take other ports.
func TestSecrets(t *testing.T) {
	for _, two := range [][2]string{
		{"TORCHELASTIC_RUN_ID=none WORLD_SIZE=2 RANK=0 MASTER_ADDR=h MASTER_PORT=29500", "TORCHELASTIC_RUN_ID=none WORLD_SIZE=2 RANK=1 MASTER_ADDR=h MASTER_PORT=29501"},
		{"SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 SLURM_STEP_NODELIST=h", "SLURM_JOB_ID=7 SLURM_STEP_ID=1 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 SLURM_STEP_NODELIST=h"},
	} {
		a, bad := find(vars(two[0]))
		b, worse := find(vars(two[1]))
		if bad != nil || worse != nil {
			t.Fatal(bad, worse)
		}
		if a.Secret == b.Secret || slices.Equal(a.ports(), b.ports()) {
			t.Errorf("%q and %q meet at %v", a.Secret, b.Secret, a.ports())
		}
	}
}

func TestFindContradictions(t *testing.T) {
	for env, want := range map[string]string{
		"WORLD_SIZE=2 MASTER_ADDR=a": "PyTorchJob says WORLD_SIZE=2: want a rank from RANK that is less than WORLD_SIZE",
		"WORLD_SIZE=2 RANK=2":        "PyTorchJob says RANK=2 WORLD_SIZE=2: want a rank",
		"WORLD_SIZE=two RANK=1":      `WORLD_SIZE="two" of PyTorchJob: want a whole number`,
		"TORCHELASTIC_RUN_ID=1 WORLD_SIZE=2 RANK=1 LOCAL_WORLD_SIZE=3":      "the ranks of one machine do not fit",
		"WORLD_SIZE=2 RANK=1 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1": "two launchers contradict each other: PyTorchJob says RANK=1 WORLD_SIZE=2; mpirun of Open MPI says OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=4; SHAKE_RANK",
		"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1 PMIX_NAMESPACE=a":    "nothing names that of rank 0: set MASTER_ADDR",
		"WORLD_SIZE=2 RANK=1 MASTER_ADDR=a":                                 "names no job by which its processes know each other: set SHAKE_SECRET",
		"TORCHELASTIC_RUN_ID=none WORLD_SIZE=2 RANK=1 MASTER_ADDR=a":        "names no job by which its processes know each other: set SHAKE_SECRET",
		"SHAKE_WORLD=2 SHAKE_RANK=1 SHAKE_ADDRESS=a:b SHAKE_SECRET=s":       "SHAKE_ADDRESS=a:b: want a host",
		"SHAKE_WORLD=2 SHAKE_RANK=1 SHAKE_ADDRESS=a SHAKE_PORT=0":           "SHAKE_PORT=0: want a number from 1",
		"SHAKE_RANK=1": "SHAKE_RANK=1 and no SHAKE_WORLD",
		"SHAKE_RANK=1 RANK=1 WORLD_SIZE=2 MASTER_ADDR=a": "SHAKE_RANK=1 and no SHAKE_WORLD",
		"PMIX_RANK=1": "a launcher says PMIX_RANK=1, and nothing the number",
		"SHAKE_WORLD=2 SHAKE_RANK=1 SHAKE_ADDRESS=h:4000 SHAKE_PORT=5000":    "SHAKE_ADDRESS=h:4000 SHAKE_PORT=5000 contradict each other",
		"SHAKE_WORLD=2 SHAKE_RANK=1 SHAKE_ADDRESS=:4000":                     "SHAKE_ADDRESS=:4000: want a host",
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=a PET_MASTER_ADDR=b SHAKE_SECRET=s": "MASTER_ADDR=a PET_MASTER_ADDR=b contradict each other: SHAKE_ADDRESS decides",
		"PET_NNODES=1:2 PET_NODE_RANK=0":                                     "PET_NNODES=1:2 of TrainJob: a number of machines that may change while a job runs is not supported",
		"PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=cpu":                "PET_NPROC_PER_NODE=cpu: processes that train together do so on cards: want 1, gpu or auto",
		"PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=8":                  "start shake by torchrun",
	} {
		if p, err := find(vars(env)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: have %+v, %v, want %q", env, p, err, want)
		}
	}
}
