package load

import (
	"fmt"
	"path/filepath"
)

// openBuiltins opens libnvrtc-builtins, which NVRTC opens by its bare name at the first
// compilation. The NVRTC of some of NVIDIA's wheels (CUDA 13.0's) has no run path, so the loader
// does not look beside it; but a library that is already open is found by its name. The file is
// that of NVRTC's own version, in the folder where NVRTC lies after its links are followed. If
// there is none, the loader may still know one; if it does not, the first compilation says so.
// cuDNN's engines that are compiled at run time use the same NVRTC.
func openBuiltins(handle uintptr, path string) {
	major, minor, ok := sysVersion(handle, versionCalls["libnvrtc"])
	if !ok {
		return
	}
	file := fmt.Sprintf("libnvrtc-builtins.so.%d.%d", major, minor)
	folders := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(real) != folders[0] {
		folders = append(folders, filepath.Dir(real))
	}
	for _, folder := range folders {
		beside := filepath.Join(folder, file)
		if !filepath.IsAbs(beside) || !exists(beside) || checkELF(beside) != "" {
			continue
		}
		if h, _ := sysOpen(beside, false); h != 0 {
			return // the library stays open, as NVRTC does
		}
	}
}
