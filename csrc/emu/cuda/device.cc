// Cards, and the contexts on them.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "memory.h"
#include "settings.h"
#include "state.h"

using namespace emu;

namespace {

std::atomic<bool> ready{false};
thread_local std::vector<uintptr_t> stack;  // current contexts

int cards() { return std::max(0, std::min(16, int(settings::number(-1, "cards", 2)))); }

size_t total(int card) { return size_t(settings::number(card, "memory", 80.0 * 1073741824)); }

void capability(int card, int *major, int *minor) {
  *major = 9, *minor = 0;
  sscanf(settings::text(card, "cc", "9.0").c_str(), "%d.%d", major, minor);
}

CUresult failure(const char *function) {
  return CUresult(settings::number(-1, std::string("fail.") + function, 0));
}

// check makes the checks at the start of every call about a card.
CUresult check(int card, const void *out) {
  if (!ready) return CUDA_ERROR_NOT_INITIALIZED;
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  return card < 0 || card >= cards() ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

}  // namespace

namespace emu {

Enter::Enter(Need need) : lock(mutex) {
  if (need == kNothing) return;
  if (!ready) {
    error = CUDA_ERROR_NOT_INITIALIZED;
    return;
  }
  if (need == kInit) return;
  if (stack.empty()) {
    error = CUDA_ERROR_INVALID_CONTEXT;
    return;
  }
  context = get<Context>(kContext, reinterpret_cast<void *>(stack.back()));
  error = !context ? CUDA_ERROR_CONTEXT_IS_DESTROYED : context->error;
}

std::shared_ptr<Stream> stream_of(Enter &in, CUstream handle) {
  auto h = reinterpret_cast<uintptr_t>(handle);
  if (h == 0 || h == 1) return in.context->null_stream;
  if (h == 2) return in.context->thread_stream;
  auto s = get<Stream>(kStream, handle);
  if (!s || s->context != in.context.get()) {
    in.error = CUDA_ERROR_INVALID_HANDLE;
    return nullptr;
  }
  return s;
}

size_t card_memory(int card) { return total(card); }

}  // namespace emu

SK_API CUresult cuInit(unsigned flags) {
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  if (auto e = CUresult(settings::number(-1, "init", 0))) return e;
  if (cards() == 0) return CUDA_ERROR_NO_DEVICE;
  ready = true;
  return CUDA_SUCCESS;
}

SK_API CUresult cuDriverGetVersion(int *version) {
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  *version = int(settings::number(-1, "driver", 13000));
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetCount(int *count) {
  if (auto e = check(0, count))
    return e == CUDA_ERROR_INVALID_DEVICE ? (*count = 0, CUDA_SUCCESS) : e;
  *count = cards();
  return failure("cuDeviceGetCount");
}

SK_API CUresult cuDeviceGet(CUdevice *d, int ordinal) {
  if (auto e = check(ordinal, d)) return e;
  *d = ordinal;
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetName(char *name, int len, CUdevice d) {
  if (auto e = check(d, name)) return e;
  if (len <= 0) return CUDA_ERROR_INVALID_VALUE;
  snprintf(name, size_t(len), "%s", settings::text(d, "name", "NVIDIA H100 80GB HBM3").c_str());
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d) {
  if (auto e = check(d, uuid)) return e;
  memcpy(uuid->bytes, "shake emulator 0", 16);
  uuid->bytes[15] = char('0' + d);
  return CUDA_SUCCESS;
}
SK_API CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice d) { return cuDeviceGetUuid_v2(uuid, d); }

SK_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) {
  if (auto e = check(d, bytes)) return e;
  *bytes = total(d);
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice d) {
  if (auto e = check(d, id)) return e;
  if (len < 13) return CUDA_ERROR_INVALID_VALUE;
  snprintf(id, size_t(len), "0000:%02X:00.0", 0x19 + 0x22 * d);
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice d) {
  if (auto e = check(d, major && minor ? major : nullptr)) return e;
  capability(d, major, minor);
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceCanAccessPeer(int *can, CUdevice d, CUdevice peer) {
  if (auto e = check(d, can)) return e;
  if (auto e = check(peer, can)) return e;
  *can = 0;
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute a, CUdevice d) {
  if (auto e = check(d, value)) return e;
  int major, minor;
  capability(d, &major, &minor);
  // The values are those of an H100 SXM; the sizes of shared memory of older cards go by their
  // capability.
  const int optin = major >= 9                 ? 232448
                    : major == 8 && minor == 0 ? 166912
                    : major == 8               ? 101376
                    : major == 7 && minor == 5 ? 65536
                                               : 98304;
  switch (a) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = 1024; break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 2147483647; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 49152; break;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: *value = 65536; break;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = 1980000; break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = int(settings::number(d, "sms", 132));
    break;
  case CU_DEVICE_ATTRIBUTE_ECC_ENABLED: *value = 1; break;
  case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: *value = 2619000; break;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: *value = 5120; break;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *value = 50 << 20; break;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *value = 2048; break;
  case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: *value = 3; break;
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: *value = 1; break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = major; break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = minor; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = optin + 1024; break;
  case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH: *value = 1; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = optin; break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: *value = 32; break;
  default: *value = 0; return a < 1 || a > 200 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  }
  return CUDA_SUCCESS;
}

SK_API CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice d) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (auto e = check(d, out)) return e;
  if (auto e = failure("cuDevicePrimaryCtxRetain")) return e;
  auto &primary = device(d).primary;
  if (!primary) {
    primary = std::make_shared<Context>();
    primary->device = d;
    give(kContext, primary);
    for (auto *s : {&primary->null_stream, &primary->thread_stream}) {
      *s = std::make_shared<Stream>();
      (*s)->context = primary.get();
      give(kStream, *s);
      primary->streams[(*s)->handle] = *s;
    }
    primary->null_stream->legacy = true;
  }
  primary->users++;
  *out = as_handle<CUcontext>(*primary);
  return CUDA_SUCCESS;
}

// Ends a context; the handles of all its objects become invalid.
static void end(std::shared_ptr<Context> c) {
  report();
  forget(*c);
  for (auto it = captures.begin(); it != captures.end();)
    it = (*it)->origin->context == c.get() ? captures.erase(it) : it + 1;
  for (auto &s : c->streams) drop(s.first);
  for (uintptr_t h : c->events) drop(h);
  for (uintptr_t h : c->modules) {
    if (auto m = get<Module>(kModule, reinterpret_cast<void *>(h)))
      for (uintptr_t f : m->functions) drop(f);
    drop(h);
  }
  memory::release(c.get());
  drop(c->handle);
  c->dead = true;
}

SK_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (auto e = check(d, &d)) return e;
  auto c = device(d).primary;
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;
  if (--c->users > 0) return CUDA_SUCCESS;
  finish(in.lock, *c);
  device(d).primary.reset();
  end(c);
  return CUDA_SUCCESS;
}
SK_API CUresult cuDevicePrimaryCtxRelease(CUdevice d) { return cuDevicePrimaryCtxRelease_v2(d); }

SK_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice d) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (auto e = check(d, &d)) return e;
  if (auto c = device(d).primary) {
    device(d).primary.reset();
    end(c);
  }
  return CUDA_SUCCESS;
}

SK_API CUresult cuDevicePrimaryCtxGetState(CUdevice d, unsigned *flags, int *active) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (auto e = check(d, flags && active ? flags : nullptr)) return e;
  *flags = 0, *active = device(d).primary != nullptr;
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxSetCurrent(CUcontext c) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (c && !find(kContext, c)) return CUDA_ERROR_INVALID_CONTEXT;
  if (!stack.empty()) stack.pop_back();
  if (c) stack.push_back(reinterpret_cast<uintptr_t>(c));
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxGetCurrent(CUcontext *c) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (!c) return CUDA_ERROR_INVALID_VALUE;
  *c = stack.empty() ? nullptr : reinterpret_cast<CUcontext>(stack.back());
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxPushCurrent_v2(CUcontext c) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (!find(kContext, c)) return CUDA_ERROR_INVALID_CONTEXT;
  stack.push_back(reinterpret_cast<uintptr_t>(c));
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxPopCurrent_v2(CUcontext *c) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (c) *c = reinterpret_cast<CUcontext>(stack.back());
  stack.pop_back();
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxGetDevice(CUdevice *d) {
  Enter in(kCurrent);
  if (!in.context) return in.error;
  if (!d) return CUDA_ERROR_INVALID_VALUE;
  *d = in.context->device;
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return CUDA_SUCCESS;
}

SK_API CUresult cuCtxSynchronize(void) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  count("sync");
  if (auto e = forbid(in, nullptr)) return e;
  return finish(in.lock, *in.context);
}
