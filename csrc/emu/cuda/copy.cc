// Allocation, copies, fills.
#include <cstring>

#include "memory.h"
#include "settings.h"
#include "state.h"

using namespace emu;

namespace {

bool pinned(const void *p, size_t bytes) {
  memory::Block b;
  return memory::find(uintptr_t(p), bytes, &b) && b.where == memory::kPinned;
}

bool on_card(uintptr_t p, size_t bytes) {
  memory::Block b;
  return memory::find(p, bytes, &b) && b.where != memory::kPinned;
}

enum Way { kToDevice, kToHost, kWithin };

// A copy of bytes, queued on the stream. With wait, the call returns when the copy is done.
CUresult copy(Way way, uintptr_t dst, uintptr_t src, size_t bytes, CUstream stream, bool wait) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (bytes == 0) return CUDA_SUCCESS;
  if (!dst || !src) return CUDA_ERROR_INVALID_VALUE;
  if (way != kToDevice && !on_card(src, bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (way != kToHost && !on_card(dst, bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (wait)
    if (auto e = forbid(in, s.get())) return e;
  auto w = std::make_shared<Work>();
  w->type = CU_GRAPH_NODE_TYPE_MEMCPY;
  w->dst = dst, w->src = src, w->bytes = bytes, w->to_host = way == kToHost;
  const bool capturing = s->capture != nullptr;
  if (way == kToDevice && !capturing && !pinned(reinterpret_cast<void *>(src), bytes)) {
    auto *p = reinterpret_cast<const unsigned char *>(src);
    w->staged = std::make_shared<std::vector<unsigned char>>(p, p + bytes);
  }
  count("memcpy");
  if (auto e = submit(in, *s, w)) return e;
  if (capturing) return CUDA_SUCCESS;
  // On a card, a copy to pageable memory returns only when it is done.
  if (way == kToHost && !wait && !pinned(reinterpret_cast<void *>(dst), bytes)) {
    count("implicit_sync");
    return finish(in.lock, *s);
  }
  if (!wait) return CUDA_SUCCESS;
  count("sync");
  return finish(in.lock, *s);
}

template <class T> CUresult fill(CUdeviceptr dst, T value, size_t n, CUstream stream, bool wait) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  if (n == 0) return CUDA_SUCCESS;
  if (dst % sizeof(T) || n > SIZE_MAX / sizeof(T) || !on_card(dst, n * sizeof(T)))
    return CUDA_ERROR_INVALID_VALUE;
  auto w = std::make_shared<Work>();
  w->type = CU_GRAPH_NODE_TYPE_MEMSET;
  w->dst = dst, w->bytes = n * sizeof(T), w->width = sizeof(T), w->value = value;
  count("memset");
  (void)wait;  // filling the card's memory is asynchronous in both forms
  return submit(in, *s, w);
}

CUresult give(size_t bytes, memory::Where where, uintptr_t *out) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (!out || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (auto e = unsafe_call()) return e;
  const char *name = where == memory::kDevice ? "cuMemAlloc" : "cuMemHostAlloc";
  if (auto e = CUresult(settings::number(in.context->device, std::string("fail.") + name, 0)))
    return e;
  count(where == memory::kDevice ? "alloc" : "host_alloc");
  return memory::allocate(in.context.get(), bytes, where, out);
}

CUresult take(uintptr_t p, memory::Where where) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (p == 0) return where == memory::kDevice ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  if (auto e = unsafe_call()) return e;
  memory::Block b;
  if (!memory::find(p, 1, &b) || b.lo != p || b.where != where) return CUDA_ERROR_INVALID_VALUE;
  if (b.context != in.context.get() && where == memory::kDevice) return CUDA_ERROR_INVALID_CONTEXT;
  // Earlier work may use the memory.
  count("free");
  count("implicit_sync");
  finish(in.lock, *in.context);
  return memory::release(p, where);
}

}  // namespace

SK_API CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
  return give(bytes, memory::kDevice, reinterpret_cast<uintptr_t *>(p));
}
SK_API CUresult cuMemFree_v2(CUdeviceptr p) { return take(uintptr_t(p), memory::kDevice); }
SK_API CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned flags) {
  if (flags > 7) return CUDA_ERROR_INVALID_VALUE;
  return give(bytes, memory::kPinned, reinterpret_cast<uintptr_t *>(p));
}
SK_API CUresult cuMemAllocHost_v2(void **p, size_t bytes) { return cuMemHostAlloc(p, bytes, 0); }
SK_API CUresult cuMemFreeHost(void *p) { return take(uintptr_t(p), memory::kPinned); }
SK_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *d, void *p, unsigned flags) {
  if (!d || flags || !pinned(p, 1)) return CUDA_ERROR_INVALID_VALUE;
  *d = uintptr_t(p);
  return CUDA_SUCCESS;
}

SK_API CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (!available || !total) return CUDA_ERROR_INVALID_VALUE;
  *total = card_memory(in.context->device);
  const size_t used = memory::used(in.context->device);
  *available = used > *total ? 0 : *total - used;
  return CUDA_SUCCESS;
}

SK_API CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr p) {
  memory::Block b;
  if (!memory::find(p, 1, &b)) return CUDA_ERROR_NOT_FOUND;
  if (base) *base = b.lo;
  if (size) *size = b.size;
  return CUDA_SUCCESS;
}

SK_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void *src, size_t n, CUstream s) {
  return copy(kToDevice, dst, uintptr_t(src), n, s, false);
}
SK_API CUresult cuMemcpyDtoHAsync_v2(void *dst, CUdeviceptr src, size_t n, CUstream s) {
  return copy(kToHost, uintptr_t(dst), src, n, s, false);
}
SK_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  return copy(kWithin, dst, src, n, s, false);
}
SK_API CUresult cuMemcpyHtoD_v2(CUdeviceptr dst, const void *src, size_t n) {
  return copy(kToDevice, dst, uintptr_t(src), n, nullptr, true);
}
SK_API CUresult cuMemcpyDtoH_v2(void *dst, CUdeviceptr src, size_t n) {
  return copy(kToHost, uintptr_t(dst), src, n, nullptr, true);
}
SK_API CUresult cuMemcpyDtoD_v2(CUdeviceptr dst, CUdeviceptr src, size_t n) {
  return copy(kWithin, dst, src, n, nullptr, false);
}

// Addresses are unified: they show the direction of the copy.
SK_API CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  return copy(!on_card(dst, n)  ? kToHost
              : on_card(src, n) ? kWithin
                                : kToDevice,
              dst, src, n, s, false);
}

SK_API CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s) {
  return fill(d, v, n, s, false);
}
SK_API CUresult cuMemsetD16Async(CUdeviceptr d, unsigned short v, size_t n, CUstream s) {
  return fill(d, v, n, s, false);
}
SK_API CUresult cuMemsetD32Async(CUdeviceptr d, unsigned v, size_t n, CUstream s) {
  return fill(d, v, n, s, false);
}
SK_API CUresult cuMemsetD8_v2(CUdeviceptr d, unsigned char v, size_t n) {
  return fill(d, v, n, nullptr, true);
}
SK_API CUresult cuMemsetD32_v2(CUdeviceptr d, unsigned v, size_t n) {
  return fill(d, v, n, nullptr, true);
}
