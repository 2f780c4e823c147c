package load

import "fmt"

// builtCalls are the functions that tell for which CUDA a library was built.
var builtCalls = map[string]versionCall{
	"libcudnn": {"cudnnGetCudartVersion", 1, versionCalls["libcuda"].text},
}

// BuildError says that a library was built for a later CUDA than the driver runs.
type BuildError struct {
	Library, Path string
	Built, Driver string // versions of CUDA
	Remedy        string
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("%s was built for CUDA %s, and the driver runs CUDA %s at most. To fix it: %s", e.Path, e.Built, e.Driver, e.Remedy)
}

// FitsDriver returns a *BuildError if the library was built for a later major version of CUDA than
// that of a driver, "12.4". Within a major version a driver runs newer ones, too. A library or a
// driver that does not tell its version fits.
func FitsDriver(l *Library, driver string) error {
	call, asks := builtCalls[l.Name]
	if !asks || driver == "" {
		return nil
	}
	built := ""
	_, path, err := machine().open(l, func(handle uintptr, _ string) error {
		if a, b, ok := sysVersion(handle, call); ok {
			built = call.text(a, b)
		}
		return nil
	})
	if err != nil || built == "" || compareVersions(upTo(built, "1"), upTo(driver, "1")) <= 0 {
		return err
	}
	return &BuildError{Library: l.Name, Path: path, Built: built, Driver: driver,
		Remedy: fmt.Sprintf("install a cuDNN for CUDA %s (pip install nvidia-cudnn-cu%[1]s), or a driver for CUDA %s (580 for CUDA 13)", upTo(driver, "1"), upTo(built, "1"))}
}
