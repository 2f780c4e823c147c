// The stand-in for CUPTI: records of the emulated cards' kernels, and of the numbers that a thread
// pushed while it launched them. As of the real library, records lie in buffers that the program
// gives and gets back when they are full or at a flush, calls in a wrong order are refused, and
// another profiler in the process shows as an error (SHAKE_EMU_CUPTI=enable=39).
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../../load/cupti.h"
#include "../cuda/hooks.h"

#define SK_API extern "C" __attribute__((visibility("default")))

namespace {

// A record as long as CUDA 13.5's; the bytes behind the declared members are zero.
struct Long {
  sk_cupti_record record;
  unsigned char more[96];
};

std::mutex mutex;
CUpti_BuffersCallbackRequestFunc request;
CUpti_BuffersCallbackCompleteFunc complete;
std::set<int> enabled;
std::set<std::string> names;  // their places stay
struct Buffer {
  uint8_t *bytes = nullptr;
  size_t size = 0, used = 0;
} open_buffer;
thread_local std::vector<uint64_t> pushed;

size_t bytes_of(int kind) {
  return kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL ? sizeof(Long)
         : kind == CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION
             ? sizeof(CUpti_ActivityExternalCorrelation)
             : 0;
}

void hand_over() {
  if (open_buffer.bytes)
    complete(nullptr, 0, open_buffer.bytes, open_buffer.size, open_buffer.used);
  open_buffer = {};
}

void add(const void *record, size_t n) {
  if (open_buffer.bytes && open_buffer.size - open_buffer.used < n) hand_over();
  if (!open_buffer.bytes) {
    size_t most = 0;
    request(&open_buffer.bytes, &open_buffer.size, &most);
    if (!open_buffer.bytes || open_buffer.size < n) return;
  }
  memcpy(open_buffer.bytes + open_buffer.used, record, n);
  open_buffer.used += n;
}

// A call of this thread put work on a stream.
void launched(unsigned correlation) {
  std::lock_guard<std::mutex> lock(mutex);
  if (pushed.empty() || !enabled.count(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION)) return;
  CUpti_ActivityExternalCorrelation e = {};
  e.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
  e.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;
  e.externalId = pushed.back();
  e.correlationId = correlation;
  add(&e, sizeof e);
}

void ran(const sk_emu_ran *r) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!enabled.count(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)) return;
  Long l = {};
  sk_cupti_record &k = l.record;
  k.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  k.start = r->start, k.end = r->end;
  k.deviceId = r->device;
  k.gridX = int(r->grid[0]), k.gridY = int(r->grid[1]), k.gridZ = int(r->grid[2]);
  k.blockX = int(r->block[0]), k.blockY = int(r->block[1]), k.blockZ = int(r->block[2]);
  k.dynamicSharedMemory = int(r->dynamic);
  k.correlationId = r->correlation;
  k.name = names.insert(r->name).first->c_str();
  k.graphNodeId = r->node, k.graphId = r->node ? 1 : 0;
  add(&l, sizeof l);
}

int setting(const char *key) {
  const char *all = getenv("SHAKE_EMU_CUPTI"), *at = all ? strstr(all, key) : nullptr;
  return at ? atoi(at + strlen(key)) : 0;
}

// Connects with the emulated driver, which lies beside this library.
bool connect(bool on) {
  void *so = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto trace = so ? reinterpret_cast<void (*)(void (*)(unsigned), void (*)(const sk_emu_ran *))>(
                        dlsym(so, "sk_emu_trace"))
                  : nullptr;
  if (!trace) return false;
  trace(on ? launched : nullptr, on ? ran : nullptr);
  return true;
}

}  // namespace

SK_API CUptiResult cuptiGetVersion(uint32_t *version) {
  *version = 130500;
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiGetResultString(CUptiResult result, const char **text) {
  *text = result == CUPTI_SUCCESS                         ? "CUPTI_SUCCESS"
          : result == CUPTI_ERROR_MAX_LIMIT_REACHED       ? "CUPTI_ERROR_MAX_LIMIT_REACHED"
          : result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ? "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"
          : result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED
              ? "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED"
              : "CUPTI_ERROR_UNKNOWN";
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc r,
                                                  CUpti_BuffersCallbackCompleteFunc c) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!r || !c) return 1;
  request = r, complete = c;
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  if (int r = setting("enable=")) return r;
  std::unique_lock<std::mutex> lock(mutex);
  if (!bytes_of(kind)) return CUPTI_ERROR_INVALID_KIND;
  if (!request) return 1;
  enabled.insert(kind);
  lock.unlock();
  return connect(true) ? CUPTI_SUCCESS : 15;
}

SK_API CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  std::unique_lock<std::mutex> lock(mutex);
  if (!enabled.erase(kind)) return CUPTI_ERROR_INVALID_KIND;
  const bool none = enabled.empty();
  lock.unlock();
  if (none) connect(false);
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiActivityFlushAll(uint32_t) {
  std::lock_guard<std::mutex> lock(mutex);
  hand_over();
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid,
                                              CUpti_Activity **record) {
  uint8_t *at = buffer;
  if (*record) at = reinterpret_cast<uint8_t *>(*record) + bytes_of((*record)->kind);
  if (at >= buffer + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity *>(at);
  return bytes_of((*record)->kind) ? CUPTI_SUCCESS : CUPTI_ERROR_INVALID_KIND;
}

SK_API CUptiResult cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind kind,
                                                          uint64_t id) {
  if (kind != CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0) return 1;
  pushed.push_back(id);
  return CUPTI_SUCCESS;
}

SK_API CUptiResult cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind kind,
                                                         uint64_t *last) {
  if (kind != CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0 || pushed.empty()) return 1;
  if (last) *last = pushed.back();
  pushed.pop_back();
  return CUPTI_SUCCESS;
}
