package load

import "strconv"

// Library is one shared library that may be opened.
type Library struct {
	Name   string   // short name, such as "libnvrtc"
	What   string   // its purpose, in words
	Files  []string // its possible file names, the preferred first
	Remedy string   // how to get it
	// global makes its symbols visible to libraries that are opened later.
	global bool
	// more opens the libraries that this one opens by name and may not find. nil: there are none.
	more func(handle uintptr, path string)
}

// The libraries known here.
var (
	CUDA = &Library{
		Name:   "libcuda",
		What:   "the CUDA driver",
		Files:  []string{"libcuda.so.1"},
		Remedy: "install NVIDIA's driver (580 or newer is best, 525 the oldest that can work); in a container, start it with the GPU passed through",
		global: true,
	}
	NVRTC = &Library{
		Name:   "libnvrtc",
		What:   "NVRTC, the compiler of kernels",
		Files:  []string{"libnvrtc.so.13", "libnvrtc.so.12"},
		Remedy: "pip install nvidia-cuda-nvrtc (nvidia-cuda-nvrtc-cu12 for a driver of CUDA 12), or install the CUDA toolkit",
		more:   openBuiltins,
	}
	CUDNN = &Library{
		Name:   "libcudnn",
		What:   "cuDNN, NVIDIA's neural network primitives",
		Files:  []string{"libcudnn.so.9"},
		Remedy: "pip install nvidia-cudnn-cu13 (nvidia-cudnn-cu12 for a driver of CUDA 12), or install NVIDIA's package cudnn9",
	}
	CUBLASLT = &Library{
		Name:   "libcublasLt",
		What:   "cuBLASLt, which cuDNN computes some products with",
		Files:  []string{"libcublasLt.so.13", "libcublasLt.so.12"},
		Remedy: "pip install nvidia-cublas (nvidia-cublas-cu12 for a cuDNN of CUDA 12), or install the CUDA toolkit",
	}
	NCCL = &Library{
		Name:   "libnccl",
		What:   "NCCL, which adds gradients over several cards",
		Files:  []string{"libnccl.so.2"},
		Remedy: "pip install nvidia-nccl-cu13 (nvidia-nccl-cu12 for a driver of CUDA 12), or install NVIDIA's package libnccl2; one card does without",
	}
	CUPTI = &Library{
		Name:   "libcupti",
		What:   "CUPTI, which times kernels inside a graph",
		Files:  []string{"libcupti.so.13", "libcupti.so.12"},
		Remedy: "pip install nvidia-cuda-cupti (nvidia-cuda-cupti-cu12 for a driver of CUDA 12), or install the CUDA toolkit; only profiles want it",
	}
	NVML = &Library{
		Name:   "libnvidia-ml",
		What:   "NVML, which reads the cards' sensors",
		Files:  []string{"libnvidia-ml.so.1"},
		Remedy: "it comes with NVIDIA's driver; in a container, the driver capability \"utility\" adds it",
	}
)

// AtMost returns the library without the files of a later major version. For a driver of CUDA 12
// that is NVRTC without the file of CUDA 13.
func (l *Library) AtMost(major int) *Library {
	v := *l
	v.Files = nil
	for _, f := range l.Files {
		if majorOf(f) <= major {
			v.Files = append(v.Files, f)
		}
	}
	return &v
}

// majorOf returns 13 for libnvrtc.so.13, and 0 for a name without a number.
func majorOf(file string) int {
	for i := len(file) - 1; i >= 0; i-- {
		if file[i] == '.' {
			n, _ := strconv.Atoi(file[i+1:])
			return n
		}
	}
	return 0
}
