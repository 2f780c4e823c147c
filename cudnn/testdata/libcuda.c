// A libcuda.so.1 that has no device and does nothing: enough for cuDNN to plan for a card that is described to it. Compiled by the tests.
// Without the first six no precompiled engine plans; without any one of the rest every engine that compiles at run time vanishes silently.
#define NONE(name) int name(void) { return 100; } // CUDA_ERROR_NO_DEVICE
#define FINE(name) int name(void) { return 0; }

FINE(cuModuleGetFunction)
FINE(cuModuleLoadData)
FINE(cuModuleUnload)
NONE(cuGetErrorString)
NONE(cuTensorMapEncodeIm2col)
NONE(cuTensorMapEncodeTiled)

NONE(cuGetErrorName)
NONE(cuCtxGetCurrent)
NONE(cuCtxGetLimit)
NONE(cuCtxPopCurrent)
NONE(cuCtxPushCurrent)
NONE(cuStreamGetCtx)
NONE(cuLinkCreate)
NONE(cuLinkAddData)
NONE(cuLinkComplete)
NONE(cuLinkDestroy)
NONE(cuLaunchKernel)
NONE(cuLaunchCooperativeKernel)
NONE(cuLaunchKernelEx)
NONE(cuDeviceGetCount)
NONE(cuDeviceGet)
NONE(cuLibraryLoadFromFile)
NONE(cuOccupancyMaxPotentialClusterSize)
FINE(cuLibraryUnload)
FINE(cuKernelSetAttribute)
FINE(cuKernelGetAttribute)

static char handle;
int cuLibraryLoadData(void **library) { return *library = &handle, 0; }
int cuLibraryGetKernel(void **kernel) { return *kernel = &handle, 0; }
int cuKernelGetFunction(void **function) { return *function = &handle, 0; }
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
