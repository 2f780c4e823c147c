package load

import (
	"fmt"
	"path/filepath"
)

// openBuiltins opens libnvrtc-builtins, which NVRTC opens by its bare name at the first compilation. Some of NVIDIA's wheels (CUDA 13.0's) have no run path in
// NVRTC, so that the loader does not look beside it; a library that is open already is found by its name. It is the file of NVRTC's own version, in the folder
// where NVRTC lies, its links followed. Where there is none, the loader may know one, and if it does not, the first compilation says so. The same NVRTC serves
// cuDNN's engines that are compiled at run time.
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
			return // it stays open, as NVRTC does
		}
	}
}
