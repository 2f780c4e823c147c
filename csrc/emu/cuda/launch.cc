// Launches: the checks of a card before a kernel starts.
#include <algorithm>
#include <cstring>

#include "hooks.h"
#include "state.h"

using namespace emu;

namespace emu {

int active_blocks(const Function &f, int threads, size_t dynamic) {
  int optin = 0, per_sm = 0;
  const int d = f.module->context->device;
  cuDeviceGetAttribute(&optin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, d);
  cuDeviceGetAttribute(&per_sm, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, d);
  const size_t shared = f.module->shared + dynamic;
  const int most = f.kernel->max_threads ? int(f.kernel->max_threads) : 1024;
  if (threads < 1 || threads > most || shared > size_t(optin)) return 0;
  return std::min({32, 2048 / ((threads + 31) / 32 * 32), per_sm / int(shared + 1024)});
}

CUresult validate(const Function &f, const Work &w) {
  const unsigned *g = w.grid, *b = w.block;
  if (!g[0] || !g[1] || !g[2] || !b[0] || !b[1] || !b[2]) return CUDA_ERROR_INVALID_VALUE;
  if (g[0] > 2147483647u || g[1] > 65535 || g[2] > 65535 || b[0] > 1024 || b[1] > 1024 || b[2] > 64)
    return CUDA_ERROR_INVALID_VALUE;
  const unsigned long threads = (unsigned long)b[0] * b[1] * b[2];
  if (threads > 1024) return CUDA_ERROR_INVALID_VALUE;
  if (f.kernel->max_threads && threads > f.kernel->max_threads) return CUDA_ERROR_INVALID_VALUE;
  if (w.dynamic > f.dynamic) return CUDA_ERROR_INVALID_VALUE;
  const int fit = active_blocks(f, int(threads), w.dynamic);
  if (fit == 0) return CUDA_ERROR_INVALID_VALUE;
  if (w.cooperative) {
    int sms = 0;
    cuDeviceGetAttribute(&sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, f.module->context->device);
    if ((unsigned long)g[0] * g[1] * g[2] > (unsigned long)sms * (unsigned long)fit)
      return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  }
  return CUDA_SUCCESS;
}

// The arguments are packed in order, each at a multiple of 16.
static size_t slot(size_t bytes) { return (bytes + 15) / 16 * 16; }

CUresult pack(const Function &f, void **params, std::vector<unsigned char> &args) {
  args.clear();
  if (f.kernel->params && !params) return CUDA_ERROR_INVALID_VALUE;
  size_t total = 0;
  for (unsigned i = 0; i < f.kernel->params; i++) {
    if (!params[i]) return CUDA_ERROR_INVALID_VALUE;
    total += slot(f.kernel->sizes[i]);
  }
  args.resize(total);
  size_t at = 0;
  for (unsigned i = 0; i < f.kernel->params; i++) {
    memcpy(args.data() + at, params[i], f.kernel->sizes[i]);
    at += slot(f.kernel->sizes[i]);
  }
  return CUDA_SUCCESS;
}

std::vector<void *> unpack(const Function &f, const std::vector<unsigned char> &args) {
  std::vector<void *> out;
  auto *p = const_cast<unsigned char *>(args.data());
  for (unsigned i = 0; i < f.kernel->params; i++) {
    out.push_back(p);
    p += slot(f.kernel->sizes[i]);
  }
  return out;
}

}  // namespace emu

namespace {

// The shape of a launch, and its arguments in one of the driver's two forms.
struct Shape {
  unsigned grid[3], block[3], shared;
  void **params, **extra;
  bool cooperative, programmatic;
};

CUresult launch(CUfunction function, CUstream stream, const Shape &shape) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (f->module->context != in.context.get()) return CUDA_ERROR_INVALID_HANDLE;
  if (shape.extra) return shape.params ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
  int major = 0;
  cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, in.context->device);
  if (shape.programmatic && major < 9) {
    say("cuLaunchKernelEx: a programmatic launch needs a card of compute capability 9.0");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  auto w = std::make_shared<Work>();
  w->type = CU_GRAPH_NODE_TYPE_KERNEL;
  w->function = f;
  std::copy(shape.grid, shape.grid + 3, w->grid);
  std::copy(shape.block, shape.block + 3, w->block);
  w->dynamic = shape.shared;
  w->cooperative = shape.cooperative;
  w->programmatic = shape.programmatic;
  if (auto e = validate(*f, *w)) return e;
  if (auto e = pack(*f, shape.params, w->args)) return e;
  count("launch");
  return submit(in, *s, w);
}

}  // namespace

SK_API CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                               unsigned by, unsigned bz, unsigned shared, CUstream s, void **params,
                               void **extra) {
  return launch(f, s, {{gx, gy, gz}, {bx, by, bz}, shared, params, extra, false, false});
}

SK_API CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                                          unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                          CUstream s, void **params) {
  return launch(f, s, {{gx, gy, gz}, {bx, by, bz}, shared, params, nullptr, true, false});
}

SK_API CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **params,
                                 void **extra) {
  if (!c || (c->numAttrs && !c->attrs)) return CUDA_ERROR_INVALID_VALUE;
  Shape shape = {{c->gridDimX, c->gridDimY, c->gridDimZ},
                 {c->blockDimX, c->blockDimY, c->blockDimZ},
                 c->sharedMemBytes,
                 params,
                 extra,
                 false,
                 false};
  for (unsigned i = 0; i < c->numAttrs; i++) {
    const CUlaunchAttribute &a = c->attrs[i];
    if (a.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) {
      shape.cooperative = a.value.cooperative;
    } else if (a.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION) {
      shape.programmatic = a.value.programmaticStreamSerializationAllowed;
    } else {
      say("cuLaunchKernelEx: attribute %d is not emulated", a.id);
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  if (shape.programmatic && shape.cooperative) {
    say("cuLaunchKernelEx: a launch that is both programmatic and cooperative is not emulated");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  return launch(f, c->hStream, shape);
}

SK_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function,
                                                            int threads, size_t dynamic) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (!blocks || threads < 1) return CUDA_ERROR_INVALID_VALUE;
  *blocks = active_blocks(*f, threads, dynamic);
  return CUDA_SUCCESS;
}

SK_API CUresult cuLaunchHostFunc(CUstream stream, CUhostFn run, void *arg) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (!run) return CUDA_ERROR_INVALID_VALUE;
  auto w = std::make_shared<Work>();
  w->type = CU_GRAPH_NODE_TYPE_HOST;
  w->run = run;
  w->arg = std::shared_ptr<void>(arg, [](void *) {});
  return submit(in, *s, w);
}

SK_API int sk_emu_enqueue(CUstream stream, void (*run)(void *), void *arg,
                          void (*free_arg)(void *)) {
  // The owner is made before the lock, so that it outlives the lock.
  std::shared_ptr<void> owned(arg, free_arg ? free_arg : [](void *) {});
  if (!run) return CUDA_ERROR_INVALID_VALUE;
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  static std::shared_ptr<Function> library;
  if (!library) {
    static const unsigned sizes[1] = {0};
    static const sk_emu_kernel kernel = {"library", nullptr, 0, sizes, 0};
    library = std::make_shared<Function>();
    library->module = std::make_shared<Module>();
    library->module->context = in.context.get();
    library->kernel = &kernel;
    library->name = kernel.name;
    give(kFunction, library);
  }
  auto w = std::make_shared<Work>();
  w->type = CU_GRAPH_NODE_TYPE_KERNEL;
  w->library = true;
  w->function = library;
  w->run = run;
  w->arg = owned;
  count("enqueue");
  return submit(in, *s, w);
}
