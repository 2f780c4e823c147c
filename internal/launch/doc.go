// Package launch brings the processes of a run on several cards together: it reads the place of
// this process from a launcher's variables (torchrun, srun, mpirun, Kubernetes), or starts the
// other processes itself, and connects all ranks with rank 0.
//
// Ranks meet by TCP where a launcher started them. Rank 0 listens on the interfaces of
// NCCL_SOCKET_IFNAME, or on all, on a port of its own: torchrun's MASTER_PORT belongs to torchrun.
// The others look for it at the address that the launcher names. Both sides prove that they know
// the job's secret, which is SHAKE_SECRET or made from the launcher's job id: a job id keeps jobs
// apart, and no stranger out. Processes that Spawn starts have a pipe and no port.
package launch
