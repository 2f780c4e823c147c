package cuda

import (
	"fmt"
	"sync"

	"shake/csrc/load"
)

// oldest is the oldest supported driver: CUDA 12.0, driver 525.
const oldest = 12000

var driver struct {
	sync.Mutex
	tried bool
	err   error
}

// Init opens the driver's library and starts it. Devices calls it; a program may call it earlier.
// Once a driver is found, its result stays: a second call returns the same. Without a driver, a
// later call searches again.
//
// Errors: *load.NotFoundError, *load.OpenError and *load.SymbolError where no usable driver is
// found; *DriverTooOldError; *Error with ErrNoDevice where the driver has no card. Each has a
// remedy. (cuInit)
func Init() error {
	driver.Lock()
	defer driver.Unlock()
	if driver.tried {
		return driver.err
	}
	version, err := openDriver()
	if err != nil {
		return err
	}
	driver.tried = true
	if version < oldest {
		path, _ := load.Status(load.CUDA)
		driver.err = &DriverTooOldError{Path: path, Major: version / 1000, Minor: version % 1000 / 10}
	} else {
		driver.err = failed("Init", cInit(), "")
	}
	return driver.err
}

// DriverTooOldError is the error of a driver for a CUDA version before 12.0.
type DriverTooOldError struct {
	Path         string // the driver's library
	Major, Minor int    // the driver's CUDA version
}

func (e *DriverTooOldError) Error() string {
	return fmt.Sprintf("cuda: the driver (%s) is for CUDA %d.%d, and 12.0 is needed at least: install NVIDIA's driver 525 or newer (580 for CUDA 13)",
		e.Path, e.Major, e.Minor)
}

// DriverVersion returns the newest CUDA version that the driver supports: 13, 0 for driver 580. It
// needs no card. Errors are those of Init for a missing driver. (cuDriverGetVersion)
func DriverVersion() (major, minor int, err error) {
	v, err := openDriver()
	return v / 1000, v % 1000 / 10, err
}

// openDriver opens the library and returns the driver's CUDA version as 1000*major + 10*minor.
func openDriver() (int, error) {
	table, err := load.Table(load.CUDA)
	if err != nil {
		return 0, fmt.Errorf("cuda: %w", err)
	}
	useDriver.Do(func() {
		useTable(table)
		driverOpen.Store(true)
	})
	r := cDriverVersion()
	return int(r.value), failed("DriverVersion", r.status, "")
}

var useDriver sync.Once
