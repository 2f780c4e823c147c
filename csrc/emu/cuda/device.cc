// Cards, and the contexts on them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "memory.h"
#include "settings.h"
#include "state.h"

using namespace emu;

namespace {

std::atomic<bool> ready{false};
thread_local std::vector<uintptr_t> stack;  // current contexts

int cards() { return std::max(0, std::min(16, int(settings::number(-1, "cards", 2)))); }

constexpr int kInstances = 7;

// A card's or, with instance >= 0, an instance's UUID as it is written behind GPU- or MIG-.
std::string uuid(int card, int instance) {
  // The hexadecimal digits of the character '0' + n, which a small n leaves two.
  const auto digits = [](int n) {
    char s[9];
    snprintf(s, sizeof s, "%02x", unsigned('0' + n));
    return std::string(s);
  };
  return "7368616b-6520-656d-756c-61746f72" + (instance < 0 ? "20" : digits(card)) +
         digits(instance < 0 ? card : instance);
}

int instances(int card) {
  return std::max(0, std::min(kInstances, int(settings::number(card, "mig", 0))));
}

// The cards that CUDA_VISIBLE_DEVICES leaves: their numbers in its order, up to the first entry
// that is none; no card at all where one is named twice. Of cards that are split a process sees one
// instance, and nothing beside it.
struct Visible {
  std::vector<int> cards;
  int instance = -1;
};

Visible visible() {
  Visible out;
  const char *env = std::getenv("CUDA_VISIBLE_DEVICES");
  const std::string list = env ? env : "";
  for (int card = 0; !env && card < cards(); card++)
    if (instances(card) == 0) out.cards.push_back(card);
  if (!env && out.cards.empty() && cards() > 0) out = {{0}, 0};
  for (size_t at = 0; env && at < list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    const std::string item = list.substr(at, comma - at),
                      hex = item.substr(std::min<size_t>(4, item.size()));
    at = comma + 1;
    int card = -1, instance = -1;
    for (int c = 0; c < cards(); c++) {
      if (item == std::to_string(c)) card = c;
      if (item.rfind("GPU-", 0) == 0 && uuid(c, -1).rfind(hex, 0) == 0) card = c;
      for (int i = 0; i < instances(c); i++)
        if (item.rfind("MIG-", 0) == 0 && uuid(c, i) == hex) card = c, instance = i;
    }
    if (card < 0) break;
    if (instance < 0 && instances(card)) instance = 0;
    if (instance >= 0) return {{card}, instance};
    if (std::find(out.cards.begin(), out.cards.end(), card) != out.cards.end()) return {};
    out.cards.push_back(card);
  }
  return out;
}

size_t total(int card) {
  const double whole = settings::number(card, "memory", 80.0 * 1073741824);
  return size_t(instances(card) ? whole / kInstances : whole);
}

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
  if (visible().cards.empty()) return CUDA_ERROR_NO_DEVICE;
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
  *count = int(visible().cards.size());
  return failure("cuDeviceGetCount");
}

SK_API CUresult cuDeviceGet(CUdevice *d, int ordinal) {
  if (auto e = check(ordinal, d)) return e;
  const auto seen = visible().cards;
  if (ordinal >= int(seen.size())) return CUDA_ERROR_INVALID_DEVICE;
  *d = seen[size_t(ordinal)];
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetName(char *name, int len, CUdevice d) {
  if (auto e = check(d, name)) return e;
  if (len <= 0) return CUDA_ERROR_INVALID_VALUE;
  snprintf(name, size_t(len), "%s%s", settings::text(d, "name", "NVIDIA H100 80GB HBM3").c_str(),
           instances(d) ? " MIG 1g.10gb" : "");
  return CUDA_SUCCESS;
}

SK_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d) {
  if (auto e = check(d, uuid)) return e;
  memcpy(uuid->bytes, "shake emulator 0", 16);
  uuid->bytes[15] = char('0' + d);
  if (instances(d))  // as in a driver's answer, nothing else tells that it is one
    uuid->bytes[14] = char('0' + d), uuid->bytes[15] = char('0' + std::max(0, visible().instance));
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
    *value = int(settings::number(d, "sms", instances(d) ? 16 : 132));
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
