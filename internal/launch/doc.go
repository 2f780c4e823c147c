// Package launch brings the processes of a run on several cards together: it reads the place of
// this process from a launcher's variables (torchrun, srun, mpirun, Kubernetes), or starts the
// other processes itself, and connects all ranks with rank 0.
//
// Ranks meet by TCP where a launcher started them. Rank 0 listens at the address that the launcher
// names, on a port of its own: torchrun's MASTER_PORT belongs to torchrun. Both sides prove that
// they know the job's secret, which is SHAKE_SECRET or made from the launcher's job id. Processes
// that Spawn starts have a pipe and no port. A job id keeps jobs apart, and no stranger out.
package launch
