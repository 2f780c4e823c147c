package cudnn

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"shake/csrc/load"
)

// needs opens what NVIDIA's cuDNN itself opens by name, from the folders where this program looks for libraries, for cuDNN looks in fewer. Without
// NVRTC it has fewer engines, and says nothing; without cuBLASLt it ends the process at the first question for an engine, so that must be
// refused here. file is cuDNN's, cudart its CUDA's version: 13020.
func needs(file string, cudart int) error {
	folder := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(folder, "libcudnn_graph.so.9")); err != nil {
		return nil // not the library of many parts, of which the engines need the others
	}
	cuda := cudart / 1000
	_, _, _ = load.Look(load.NVRTC.AtMost(cuda)) // Look leaves it open
	_, _, err := load.Look(load.CUBLASLT.AtMost(cuda))
	var missing *load.NotFoundError
	if errors.As(err, &missing) {
		for _, beside := range []string{"", "../../cublas/lib", "../../cu13/lib", "../../cu12/lib"} { // where cuDNN looks itself
			if found, _ := fs.Glob(os.DirFS(filepath.Join(folder, beside)), "libcublasLt.so.*"); len(found) > 0 {
				return nil
			}
		}
	}
	return err
}
