package launch

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Place is the place of this process among those of a run.
type Place struct {
	Launcher          string // "torchrun", for errors
	Rank, World       int    // number of this process from 0, and of all processes
	Local, LocalWorld int    // the same among the processes of its machine; LocalWorld 0: unknown
	Host              string // where rank 0 is; "": on this machine
	Secret            string // known to the processes of the job; "": nothing tells it
	Port              int    // where rank 0 listens; 0: a port made from Secret and Host
}

// source is a launcher's variables. The names of a list are tried in turn.
type source struct {
	launcher          string
	rank, world       []string
	local, localWorld []string
	host              func(env) string
	secret            func(env) string
	needs             string // a variable without which it is not this launcher
	nested            bool
	within            string // a launcher in one task of which this one may start its processes
}

type env func(string) string

func (e env) first(names []string) (name, value string) {
	for _, n := range names {
		if v := e(n); v != "" {
			return n, v
		}
	}
	return "", ""
}

// said lists the variables of these names that are set.
func (e env) said(names ...string) string {
	var list []string
	for _, n := range names {
		if v := e(n); v != "" {
			list = append(list, n+"="+v)
		}
	}
	return strings.Join(list, " ")
}

// torchrunSecret is a job of torchrun. Its run id is the constant "none" without --standalone and
// --rdzv-id; the address and port of its store, which all ranks have, tell the jobs of one host
// apart.
func torchrunSecret(e env) string {
	if e("TORCHELASTIC_RUN_ID") == "none" && (e("MASTER_ADDR") == "" || e("MASTER_PORT") == "") {
		return ""
	}
	return e.said("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")
}

func openMPISecret(e env) string {
	name, _ := e.first([]string{"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"})
	return e.said(name)
}

// slurmSecret is a step: the steps of one job may run beside each other.
func slurmSecret(e env) string {
	if e("SLURM_JOB_ID") == "" {
		return ""
	}
	return e.said("SLURM_JOB_ID", "SLURM_STEP_ID")
}

// The launchers. A nested one starts processes within the task of another one, so it goes before.
var sources = []source{
	{launcher: "SHAKE_RANK and SHAKE_WORLD", rank: []string{"SHAKE_RANK", "JOB_COMPLETION_INDEX"}, world: []string{"SHAKE_WORLD"}, local: []string{"SHAKE_LOCAL_RANK"}, needs: "SHAKE_WORLD", nested: true},
	{launcher: "torchrun", rank: []string{"RANK"}, world: []string{"WORLD_SIZE"}, local: []string{"LOCAL_RANK"}, localWorld: []string{"LOCAL_WORLD_SIZE"}, secret: torchrunSecret, needs: "TORCHELASTIC_RUN_ID", nested: true},
	{launcher: "PyTorchJob", rank: []string{"RANK"}, world: []string{"WORLD_SIZE"}, local: []string{"LOCAL_RANK"}, localWorld: []string{"LOCAL_WORLD_SIZE"}, needs: "WORLD_SIZE"},
	{launcher: "TrainJob", rank: []string{"PET_NODE_RANK"}, world: []string{"PET_NNODES"}, needs: "PET_NNODES"},
	{launcher: "mpirun of Open MPI", rank: []string{"OMPI_COMM_WORLD_RANK"}, world: []string{"OMPI_COMM_WORLD_SIZE"}, local: []string{"OMPI_COMM_WORLD_LOCAL_RANK"}, localWorld: []string{"OMPI_COMM_WORLD_LOCAL_SIZE"}, secret: openMPISecret, needs: "OMPI_COMM_WORLD_SIZE", within: "srun"},
	{launcher: "mpirun of MPICH", rank: []string{"PMI_RANK", "PMIX_RANK"}, world: []string{"PMI_SIZE"}, local: []string{"MPI_LOCALRANKID"}, localWorld: []string{"MPI_LOCALNRANKS"}, needs: "PMI_SIZE", within: "srun"},
	{launcher: "srun", rank: []string{"SLURM_PROCID"}, world: []string{"SLURM_STEP_NUM_TASKS"}, local: []string{"SLURM_LOCALID"}, host: slurmHost, secret: slurmSecret, needs: "SLURM_STEP_ID"},
}

// Find reads the place of this process from the environment. Without a launcher, or with one that
// started a single process, it is nil. The error says what was seen: a variable that is no number,
// a rank that does not fit, launchers that contradict each other.
func Find() (*Place, error) { return find(os.Getenv) }

func find(e env) (*Place, error) {
	if r := e.said("SHAKE_RANK"); r != "" && e("SHAKE_WORLD") == "" {
		return nil, fmt.Errorf("launch: %s and no SHAKE_WORLD, the number of all processes: set both, or neither", r)
	}
	var found []*Place
	var seen []string
	var last source
	for _, s := range sources {
		if e(s.needs) == "" {
			continue
		}
		p, what, err := s.read(e)
		if err != nil {
			return nil, err
		}
		if n := len(found); n > 0 && last.within == s.launcher && !p.as(found[n-1]) {
			continue // mpirun in a task of srun, whose facts are those of another set of processes
		}
		found, seen, last = append(found, p), append(seen, what), s
		if s.nested {
			break
		}
	}
	if len(found) == 0 {
		if r := e.said("PMIX_RANK", "PMI_RANK"); r != "" {
			return nil, fmt.Errorf("launch: a launcher says %s, and nothing the number of all processes: set SHAKE_WORLD, and SHAKE_RANK to the rank", r)
		}
		return nil, nil
	}
	for _, p := range found[1:] {
		if !p.as(found[0]) {
			return nil, fmt.Errorf("launch: two launchers contradict each other: %s; SHAKE_RANK, SHAKE_WORLD and SHAKE_ADDRESS decide", strings.Join(seen, "; "))
		}
	}
	p := found[0]
	for _, q := range found[1:] { // facts that the first does not tell
		if p.Host == "" {
			p.Host = q.Host
		}
		if p.Secret == "" {
			p.Secret = q.Secret
		}
	}
	if p.World == 1 {
		return nil, nil
	}
	return p, p.complete(e)
}

// as says whether two launchers mean the same process.
func (p *Place) as(q *Place) bool { return p.Rank == q.Rank && p.World == q.World }

// read reads the variables of one launcher. variables lists them, for errors.
func (s *source) read(e env) (p *Place, variables string, err error) {
	var list []string
	number := func(names []string, otherwise int) int {
		name, v := e.first(names)
		if name == "" {
			return otherwise
		}
		list = append(list, name+"="+v)
		n, bad := strconv.Atoi(v)
		if bad != nil || n < 0 {
			err = fmt.Errorf("launch: %s=%q of %s: want a whole number", name, v, s.launcher)
			if name == "PET_NNODES" && strings.Contains(v, ":") {
				err = fmt.Errorf("launch: %s=%s of %s: a number of machines that may change while a job runs is not supported: want one number", name, v, s.launcher)
			}
		}
		return n
	}
	p = &Place{Launcher: s.launcher, Rank: number(s.rank, -1), World: number(s.world, -1), Local: number(s.local, -1), LocalWorld: number(s.localWorld, 0)}
	if s.host != nil { // srun
		p.Host = s.host(e)
		if e("SLURM_STEP_NUM_NODES") == "1" {
			p.LocalWorld = p.World
		}
	}
	if s.secret != nil {
		p.Secret = s.secret(e)
	}
	// auto and gpu, the Training Operator's own default, are as many as a pod has cards.
	if n := e("PET_NPROC_PER_NODE"); s.launcher == "TrainJob" && !slices.Contains([]string{"", "1", "auto", "gpu"}, n) {
		if _, bad := strconv.Atoi(n); bad != nil {
			return nil, "", fmt.Errorf("launch: PET_NPROC_PER_NODE=%s: processes that train together do so on cards: want 1, gpu or auto", n)
		}
		return nil, "", fmt.Errorf("launch: PET_NPROC_PER_NODE=%s: start shake by torchrun, which makes %s processes of each", n, n)
	}
	variables = s.launcher + " says " + strings.Join(list, " ")
	switch {
	case err != nil:
	case p.World < 1 || p.Rank < 0 || p.Rank >= p.World:
		err = fmt.Errorf("launch: %s: want a rank from %s that is less than %s", variables, strings.Join(s.rank, " or "), s.world[0])
	case p.LocalWorld > p.World || p.LocalWorld > 0 && p.Local >= p.LocalWorld:
		err = fmt.Errorf("launch: %s: the ranks of one machine do not fit", variables)
	}
	return p, variables, err
}

// complete adds the address, the port and the secret.
func (p *Place) complete(e env) error {
	address, err := p.address(e)
	if err != nil {
		return err
	}
	here := p.LocalWorld == p.World
	_, named := e.first([]string{"MASTER_ADDR", "PET_MASTER_ADDR"})
	// PET_MASTER_ADDR is torchrun's own argument, and MASTER_ADDR its result.
	other := e("PET_MASTER_ADDR")
	switch {
	case address != "":
		p.Host = address
	case other != "" && other != named && p.Launcher != "torchrun":
		return fmt.Errorf("launch: %s contradict each other: SHAKE_ADDRESS decides", e.said("MASTER_ADDR", "PET_MASTER_ADDR"))
	case named != "":
		p.Host = named
	case here:
		p.Host = "127.0.0.1"
	case p.Host == "":
		return fmt.Errorf("launch: %s made %d processes, perhaps on several machines, and nothing names that of rank 0: set MASTER_ADDR, or SHAKE_ADDRESS, on all", p.Launcher, p.World)
	}
	if v := e("SHAKE_SECRET"); v != "" {
		p.Secret = v
	}
	if p.Secret == "" && here {
		// Other jobs of this machine have another.
		p.Secret = fmt.Sprint("the children of process ", os.Getppid())
	}
	if p.Secret == "" {
		return fmt.Errorf("launch: %s names no job by which its processes know each other: set SHAKE_SECRET to the same words for all", p.Launcher)
	}
	return nil
}

// address reads SHAKE_ADDRESS and SHAKE_PORT. An address of IPv6 may have brackets.
func (p *Place) address(e env) (host string, err error) {
	number := func(v string) (n int, ok bool) {
		n, err := strconv.Atoi(v)
		return n, err == nil && n >= 1 && n <= 65535
	}
	all := e("SHAKE_ADDRESS")
	host = all
	if h, port, bad := net.SplitHostPort(all); bad == nil {
		var ok bool
		if p.Port, ok = number(port); !ok || h == "" {
			return "", fmt.Errorf("launch: SHAKE_ADDRESS=%s: want a host, or a host and a port", all)
		}
		host = h
	} else if h, ok := strings.CutPrefix(all, "["); ok {
		host = strings.TrimSuffix(h, "]")
	}
	v := e("SHAKE_PORT")
	if v == "" {
		return host, nil
	}
	port, ok := number(v)
	if !ok {
		return "", fmt.Errorf("launch: SHAKE_PORT=%s: want a number from 1 to 65535", v)
	}
	if p.Port > 0 && p.Port != port {
		return "", fmt.Errorf("launch: %s contradict each other: name the port once", e.said("SHAKE_ADDRESS", "SHAKE_PORT"))
	}
	p.Port = port
	return host, nil
}

// slurmHost is the first host of a step's list, such as node[03-05,9],login1.
func slurmHost(e env) string {
	_, list := e.first([]string{"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"})
	name, rest, _ := strings.Cut(list, "[")
	if i := strings.IndexByte(name, ','); i >= 0 || rest == "" {
		return strings.Split(name, ",")[0]
	}
	return name + rest[:strings.IndexFunc(rest+"]", func(r rune) bool { return strings.ContainsRune("-,]", r) })]
}
