// Package experiment runs sweeps: tables of experiments, each trained once for every seed.
//
// A sweep's directory is its whole state. sweep.toml is the sweep, ROW/net.toml the resolved
// network of a row, and ROW/seed-N the run directory of one seed. Each run is a child process,
// "shake run --json", so that a crash, a lost card or a kill by the system ends one run only. The
// run directories alone show which runs are finished. A sweep that is started again therefore
// resumes the runs that are half done and repeats none.
//
// The package knows run directories and processes, and no engine.
package experiment
