package cudnn

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"shake/csrc/load"
)

// needs opens the libraries that NVIDIA's cuDNN itself opens by name, from the folders where this
// program looks for libraries: cuDNN looks in fewer. Without NVRTC cuDNN silently has fewer
// engines. Without cuBLASLt it ends the process at the first question for an engine, so needs
// refuses that case. file is cuDNN's path, cudart the version of its CUDA: 13020.
func needs(file string, cudart int) error {
	folder := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(folder, "libcudnn_graph.so.9")); err != nil {
		return nil // one file with everything: its engines need no other library
	}
	cuda := cudart / 1000
	_, _, _ = load.Look(load.NVRTC.AtMost(cuda)) // Look leaves it open
	_, _, err := load.Look(load.CUBLASLT.AtMost(cuda))
	var missing *load.NotFoundError
	if errors.As(err, &missing) {
		// cuDNN's own search path
		for _, beside := range []string{"", "../../cublas/lib", "../../cu13/lib", "../../cu12/lib"} {
			if found, _ := fs.Glob(os.DirFS(filepath.Join(folder, beside)), "libcublasLt.so.*"); len(found) > 0 {
				return nil
			}
		}
	}
	return err
}
