package nccl

import (
	"fmt"
	"sync"

	"shake/csrc/load"
)

// oldest is the oldest version that is taken, as the library counts: 2.18.0.
const oldest = 21800

// ID identifies a communicator to be made. It is plain bytes, which one rank makes and hands to the
// others; it holds the address of a socket of the rank that made it.
type ID [128]byte

// Version is the library's version, such as "2.28.9". It needs no card. Errors: those of NewID.
// (ncclGetVersion)
func Version() (string, error) {
	v, err := open()
	if err != nil {
		return "", err
	}
	return versionString(v), nil
}

// NewID makes the identity of one communicator. The library opens a socket for the ranks to meet,
// on the interface that NCCL_SOCKET_IFNAME names, if that is set. It needs no card.
//
// Errors: *load.NotFoundError, *load.OpenError and *load.SymbolError where no usable library is
// found, *load.VersionError before 2.18, *Error where no socket can be opened. (ncclGetUniqueId)
func NewID() (ID, error) {
	if _, err := open(); err != nil {
		return ID{}, err
	}
	id, s := cUniqueID()
	return id, failed("NewID", s, lastError(0, s))
}

func versionString(v int) string { return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100) }

var library sync.Once

// open opens the library and returns its version's number.
func open() (int, error) {
	table, err := load.Table(load.NCCL)
	if err != nil {
		return 0, fmt.Errorf("nccl: %w", err)
	}
	library.Do(func() { useTable(table) })
	v, s := cVersion()
	if s != 0 {
		return 0, failed("Version", s, lastError(0, s))
	}
	if v < oldest {
		path, _ := load.Status(load.NCCL)
		return 0, fmt.Errorf("nccl: %w", &load.VersionError{Library: load.NCCL.Name, Path: path, Version: versionString(v), Oldest: "2.18", Remedy: load.NCCL.Remedy})
	}
	return v, nil
}

// lastError is the library's last message about a communicator (0: about none) if s is an error.
func lastError(comm uintptr, s Status) string {
	if s == 0 || s == inProgress {
		return ""
	}
	return cLastError(comm)
}
