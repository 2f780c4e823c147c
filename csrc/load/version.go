package load

import "fmt"

// versionCall is the function of a library that gives its version, and the rule that decodes it.
type versionCall struct {
	symbol string
	kind   int // of sk_version
	text   func(a, b int) string
}

var versionCalls = map[string]versionCall{
	"libcuda":  {"cuDriverGetVersion", 2, func(a, _ int) string { return fmt.Sprintf("%d.%d", a/1000, a%1000/10) }},
	"libnvrtc": {"nvrtcVersion", 3, func(a, b int) string { return fmt.Sprintf("%d.%d", a, b) }},
	"libcudnn": {"cudnnGetVersion", 1, hundreds},
	"libnccl":  {"ncclGetVersion", 2, hundreds},
	"libcupti": {"cuptiGetVersion", 2, ofCUDA},
}

// hundreds reads 92801 as 9.28.1. It reads 8907, the form of cuDNN up to 8 and NCCL up to 2.8, as
// 8.9.7.
func hundreds(a, _ int) string {
	if a < 10000 {
		return fmt.Sprintf("%d.%d.%d", a/1000, a/100%10, a%100)
	}
	return fmt.Sprintf("%d.%d.%d", a/10000, a/100%100, a%100)
}

// ofCUDA reads 130500 as 13.5.0, and 22, the form of CUPTI up to CUDA 12, as it is.
func ofCUDA(a, _ int) string {
	if a < 1000 {
		return fmt.Sprint(a)
	}
	return hundreds(a, 0)
}

// Look finds a library as Table would, whether or not it has a table, and calls its version
// function. For libcuda that is the newest CUDA that the driver runs. Version is "" if the library
// does not give it. The library stays open, since not every library survives being closed. Errors
// are those of Table.
func Look(l *Library) (path, version string, err error) {
	call, asks := versionCalls[l.Name]
	_, path, err = machine().open(l, func(handle uintptr, _ string) error {
		if asks {
			if a, b, ok := sysVersion(handle, call); ok {
				version = call.text(a, b)
			}
		}
		return nil
	})
	return path, version, err
}
