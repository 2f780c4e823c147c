// Devices, contexts, memory, streams and events.
#include <cmath>
#include <thread>

#include "harness.h"

static const char *const kCopy =
    "extern \"C\" __global__ void k(const int *x, int *y) { y[0] = x[0] + 1; }";

static void devices() {
  int n = 0, v = 0;
  OK(cu.cuDeviceGetCount(&n));
  EQ(n, 2);
  OK(cu.cuDriverGetVersion(&v));
  EQ(v, 13000);
  char name[100];
  OK(cu.cuDeviceGetName(name, sizeof name, 1));
  CHECK(strstr(name, "H100"));
  CUdevice d;
  EQ(cu.cuDeviceGet(&d, 2), CUDA_ERROR_INVALID_DEVICE);
  CUuuid a, b;
  OK(cu.cuDeviceGetUuid_v2(&a, 0));
  OK(cu.cuDeviceGetUuid_v2(&b, 1));
  CHECK(memcmp(&a, &b, sizeof a));
  emu_set("cards=1; cc=8.0; memory=1G; driver=12040; name=Card; sms=7");
  OK(cu.cuDeviceGetCount(&n));
  EQ(n, 1);
  OK(cu.cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  EQ(v, 8);
  OK(cu.cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
  EQ(v, 166912);
  OK(cu.cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
  EQ(v, 7);
  size_t bytes;
  OK(cu.cuDeviceTotalMem_v2(&bytes, 0));
  EQ(bytes, 1 << 30);
  EQ(cu.cuDeviceGetName(name, sizeof name, 1), CUDA_ERROR_INVALID_DEVICE);
  emu_set("cards=0");
  EQ(cu.cuInit(0), CUDA_ERROR_NO_DEVICE);
  emu_set("init=803");
  EQ(cu.cuInit(0), CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  emu_set(nullptr);
  const char *text;
  OK(cu.cuGetErrorString(700, &text));
  CHECK(!strcmp(text, "an illegal memory access was encountered"));
  OK(cu.cuGetErrorName(2, &text));
  CHECK(!strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY"));
  EQ(cu.cuGetErrorName(12345, &text), CUDA_ERROR_INVALID_VALUE);
  CHECK(!text);
}

static void before_init() {
  CUcontext c;
  int n;
  EQ(cu.cuDeviceGetCount(&n), CUDA_ERROR_NOT_INITIALIZED);
  EQ(cu.cuDevicePrimaryCtxRetain(&c, 0), CUDA_ERROR_NOT_INITIALIZED);
  EQ(cu.cuCtxSynchronize(), CUDA_ERROR_NOT_INITIALIZED);
}

static void contexts() {
  CUcontext a, b, c;
  CUdeviceptr p;
  EQ(cu.cuMemAlloc_v2(&p, 16), CUDA_ERROR_INVALID_CONTEXT);
  OK(cu.cuDevicePrimaryCtxRetain(&a, 0));
  OK(cu.cuDevicePrimaryCtxRetain(&b, 0));
  CHECK(a == b);
  EQ(cu.cuMemAlloc_v2(&p, 16), CUDA_ERROR_INVALID_CONTEXT);
  OK(cu.cuCtxPushCurrent_v2(a));
  OK(cu.cuMemAlloc_v2(&p, 16));
  // A thread of its own has no context.
  std::thread([&] {
    CUcontext none;
    OK(cu.cuCtxGetCurrent(&none));
    CHECK(!none);
    EQ(cu.cuMemFree_v2(p), CUDA_ERROR_INVALID_CONTEXT);
  }).join();
  CUstream s;
  OK(cu.cuStreamCreateWithPriority(&s, 0, 0));
  OK(cu.cuDevicePrimaryCtxRetain(&c, 1));
  OK(cu.cuCtxSetCurrent(c));
  EQ(cu.cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
  EQ(cu.cuMemFree_v2(p), CUDA_ERROR_INVALID_CONTEXT);
  OK(cu.cuDevicePrimaryCtxRelease_v2(1));
  EQ(cu.cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  OK(cu.cuCtxSetCurrent(a));
  OK(cu.cuDevicePrimaryCtxRelease_v2(0));
  OK(cu.cuCtxSynchronize());
  OK(cu.cuDevicePrimaryCtxRelease_v2(0));
  EQ(cu.cuStreamSynchronize(s), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  OK(cu.cuCtxPopCurrent_v2(nullptr));
  EQ(cu.cuCtxPopCurrent_v2(nullptr), CUDA_ERROR_INVALID_CONTEXT);
  EQ(cu.cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  EQ(emu_count("live_bytes"), 0);  // freed with the context
}

static void memory() {
  emu_set("memory=1M");
  CUdeviceptr p, q;
  OK(cu.cuMemAlloc_v2(&p, 700 << 10));
  EQ(p % 256, 0);
  EQ(cu.cuMemAlloc_v2(&q, 400 << 10), CUDA_ERROR_OUT_OF_MEMORY);
  size_t free_, total;
  OK(cu.cuMemGetInfo_v2(&free_, &total));
  EQ(free_, 324 << 10);
  EQ(total, 1 << 20);
  EQ(cu.cuMemAlloc_v2(&q, 0), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemFree_v2(p + 256), CUDA_ERROR_INVALID_VALUE);
  CHECK(emu_check(reinterpret_cast<void *>(p), 700 << 10, 1));
  CHECK(!emu_check(reinterpret_cast<void *>(p), (700 << 10) + 1, 1));
  OK(cu.cuMemFree_v2(p));
  CHECK(!emu_check(reinterpret_cast<void *>(p), 1, 0));
  EQ(cu.cuMemFree_v2(p), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemsetD8Async(p, 0, 1, nullptr), CUDA_ERROR_INVALID_VALUE);
  OK(cu.cuMemFree_v2(0));
  emu_set(nullptr);
  Array<float> x(10);
  for (float f : x.take()) CHECK(std::isnan(f));  // poison
  OK(cu.cuMemsetD32Async(x.p + 4, 0x3f800000, 3, nullptr));
  auto r = x.take();
  CHECK(std::isnan(r[0]) && r[1] == 1 && r[3] == 1 && std::isnan(r[4]));
  EQ(cu.cuMemsetD32Async(x.p + 4, 0, 10, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemsetD32Async(x.p + 2, 0, 1, nullptr), CUDA_ERROR_INVALID_VALUE);
  float v[20];
  EQ(cu.cuMemcpyHtoDAsync_v2(x.p, v, 44, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemcpyDtoHAsync_v2(v, x.p + 4, 40, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemcpyDtoDAsync_v2(x.p, CUdeviceptr(&v), 4, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemcpyHtoDAsync_v2(x.p, nullptr, 4, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuMemFreeHost(v), CUDA_ERROR_INVALID_VALUE);
}

// The host's view of copies before a wait.
static void lazy() {
  CUstream s;
  OK(cu.cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, 0));
  int *pinned;
  OK(cu.cuMemHostAlloc(reinterpret_cast<void **>(&pinned), 8, 0));
  Array<int> x(2), y(2);
  pinned[0] = 5, pinned[1] = 6;
  OK(cu.cuMemcpyHtoDAsync_v2(x.p, pinned, 8, s));
  pinned[0] = 7;  // too early: the copy has not been made
  OK(cu.cuMemcpyDtoHAsync_v2(pinned, x.p, 4, s));
  EQ(pinned[0], -1);
  EQ(pinned[1], 6);
  EQ(cu.cuStreamQuery(s), CUDA_ERROR_NOT_READY);
  OK(cu.cuStreamSynchronize(s));
  EQ(pinned[0], -1);  // the poison was copied up and down again
  OK(cu.cuStreamQuery(s));
  // A copy from pageable memory reads its source at the call; a copy to it waits.
  int v = 9, w = 0;
  OK(cu.cuMemcpyHtoDAsync_v2(x.p, &v, 4, s));
  v = 1;
  const long implicit = emu_count("implicit_sync");
  OK(cu.cuMemcpyDtoHAsync_v2(&w, x.p, 4, s));
  EQ(w, 9);
  EQ(emu_count("implicit_sync"), implicit + 1);
  // A query does some of the work.
  for (int i = 0; i < 3; i++) OK(cu.cuMemcpyDtoDAsync_v2(y.p, x.p, 4, s));
  int asked = 0;
  while (cu.cuStreamQuery(s) == CUDA_ERROR_NOT_READY) asked++;
  EQ(asked, 3);
  OK(cu.cuMemFreeHost(pinned));
  OK(cu.cuStreamDestroy_v2(s));
  EQ(cu.cuStreamDestroy_v2(s), CUDA_ERROR_INVALID_HANDLE);
  EQ(cu.cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
}

// Waiting for one stream does not run the work of another, unless an event connects them.
static void order() {
  CUstream a, b;
  CUevent e;
  Kernel k(kCopy);
  Array<int> x(1), y(1), z(1);
  OK(cu.cuStreamCreateWithPriority(&a, CU_STREAM_NON_BLOCKING, 0));
  OK(cu.cuStreamCreateWithPriority(&b, CU_STREAM_NON_BLOCKING, 0));
  OK(cu.cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
  OK(cu.cuMemsetD32Async(x.p, 1, 1, a));
  OK(k(1, 1, a, x.p, y.p));
  OK(k(1, 1, b, y.p, z.p));  // the wait is missing
  OK(cu.cuStreamSynchronize(b));
  EQ(z.take()[0], 0);  // -1 + 1
  OK(cu.cuEventRecord(e, a));
  OK(cu.cuStreamWaitEvent(b, e, 0));
  EQ(cu.cuEventQuery(e), CUDA_ERROR_NOT_READY);
  OK(k(1, 1, b, y.p, z.p));
  OK(cu.cuStreamSynchronize(b));
  OK(cu.cuEventQuery(e));
  EQ(z.take()[0], 3);
  // The last item of a stream may be a wait.
  OK(cu.cuMemsetD32Async(x.p, 5, 1, a));
  OK(cu.cuEventRecord(e, a));
  OK(cu.cuStreamWaitEvent(b, e, 0));
  OK(cu.cuStreamSynchronize(b));
  OK(cu.cuEventQuery(e));
  OK(cu.cuStreamQuery(a));
  // An event that was never recorded is done; the handle of a destroyed one is invalid.
  CUevent never;
  OK(cu.cuEventCreate(&never, 0));
  OK(cu.cuEventSynchronize(never));
  OK(cu.cuStreamWaitEvent(a, never, 0));
  OK(cu.cuEventDestroy_v2(never));
  EQ(cu.cuEventDestroy_v2(never), CUDA_ERROR_INVALID_HANDLE);
  EQ(cu.cuEventRecord(never, a), CUDA_ERROR_INVALID_HANDLE);
  // The work of a destroyed stream still runs.
  OK(cu.cuMemsetD32Async(x.p, 8, 1, a));
  OK(cu.cuStreamDestroy_v2(a));
  OK(cu.cuCtxSynchronize());
  EQ(x.take()[0], 8);
}

// The legacy stream waits for blocking streams and they wait for it; other streams are independent.
static void legacy() {
  CUstream blocking, other;
  Kernel k(kCopy);
  Array<int> x(1), y(1), z(1);
  OK(cu.cuStreamCreateWithPriority(&blocking, CU_STREAM_DEFAULT, 0));
  OK(cu.cuStreamCreateWithPriority(&other, CU_STREAM_NON_BLOCKING, 0));
  OK(cu.cuMemsetD32Async(x.p, 1, 1, blocking));
  OK(k(1, 1, nullptr, x.p, y.p));
  OK(k(1, 1, blocking, y.p, z.p));
  OK(cu.cuStreamSynchronize(blocking));
  OK(cu.cuMemsetD32Async(x.p, 10, 1, nullptr));
  OK(k(1, 1, other, x.p, y.p));
  OK(cu.cuStreamSynchronize(other));
  int r[3];
  OK(cu.cuMemcpyDtoHAsync_v2(&r[0], y.p, 4, other));
  OK(cu.cuMemcpyDtoHAsync_v2(&r[1], z.p, 4, other));
  OK(cu.cuMemcpyDtoHAsync_v2(&r[2], x.p, 4, other));
  EQ(r[0], 2);
  EQ(r[1], 3);
  EQ(r[2], 1);
  OK(cu.cuMemsetD32Async(z.p, 4, 1, blocking));
  OK(cu.cuStreamSynchronize(nullptr));
  OK(cu.cuStreamQuery(blocking));
}

static void timing() {
  CUevent a, b, c;
  float ms = -1;
  OK(cu.cuEventCreate(&a, 0));
  OK(cu.cuEventCreate(&b, 0));
  OK(cu.cuEventCreate(&c, CU_EVENT_DISABLE_TIMING));
  EQ(cu.cuEventElapsedTime(&ms, a, b), CUDA_ERROR_INVALID_HANDLE);
  OK(cu.cuEventRecord(a, nullptr));
  OK(cu.cuEventRecord(b, nullptr));
  OK(cu.cuEventRecord(c, nullptr));
  EQ(cu.cuEventElapsedTime(&ms, a, b), CUDA_ERROR_NOT_READY);
  OK(cu.cuEventSynchronize(b));
  OK(cu.cuEventElapsedTime(&ms, a, b));
  CHECK(ms >= 0);
  OK(cu.cuEventSynchronize(c));
  EQ(cu.cuEventElapsedTime(&ms, a, c), CUDA_ERROR_INVALID_HANDLE);
}

// Work of other libraries.
static int freed = 0;
static void libraries() {
  struct Sum {
    int *x, *y;
  };
  Array<int> x(1), y(1);
  OK(cu.cuMemsetD32Async(x.p, 41, 1, nullptr));
  auto *s = new Sum{reinterpret_cast<int *>(x.p), reinterpret_cast<int *>(y.p)};
  auto run = [](void *p) {
    auto *s = static_cast<Sum *>(p);
    *s->y = *s->x + 1;
  };
  OK(emu_enqueue(nullptr, run, s, [](void *p) { delete static_cast<Sum *>(p), freed++; }));
  EQ(freed, 0);
  EQ(y.take()[0], 42);
  EQ(freed, 1);
  EQ(emu_enqueue(CUstream(1234), run, nullptr, [](void *) { freed++; }), CUDA_ERROR_INVALID_HANDLE);
  EQ(freed, 2);
  OK(emu_enqueue(nullptr, [](void *) { emu_fail(CUDA_ERROR_ILLEGAL_ADDRESS); }, nullptr, nullptr));
  EQ(cu.cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EQ(cu.cuMemsetD32Async(x.p, 41, 1, nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
}

// Two threads, each with a card, at one time.
static void threads() {
  auto work = [](int card) {
    CUcontext c;
    OK(cu.cuDevicePrimaryCtxRetain(&c, card));
    OK(cu.cuCtxSetCurrent(c));
    {
      Kernel k(
          "extern \"C\" __global__ void k(int *x) { __shared__ int s[64]; s[threadIdx.x] = "
          "x[threadIdx.x]; __syncthreads(); x[threadIdx.x] = s[63 - threadIdx.x] + 1; }");
      Array<int> x(64);
      x.put(std::vector<int>(64, card));
      for (int i = 0; i < 200; i++) {
        OK(k(1, 64, nullptr, x.p));
        if (i % 7 == 0) OK(cu.cuStreamSynchronize(nullptr));
      }
      EQ(x.take()[5], card + 200);
    }
    OK(cu.cuDevicePrimaryCtxRelease_v2(card));
  };
  std::thread a(work, 0), b(work, 1);
  a.join(), b.join();
}

static void entry_points() {
  auto get = driver<CUresult (*)(const char *, void **, int, unsigned long long, int *)>(
      "cuGetProcAddress_v2");
  void *f;
  int status;
  OK(get("cuMemAlloc", &f, 13000, 0, &status));
  CHECK(f == reinterpret_cast<void *>(cu.cuMemAlloc_v2));
  EQ(get("cuNothing", &f, 13000, 0, &status), CUDA_ERROR_NOT_FOUND);
  CHECK(!f && status == 1);
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  before_init();
  OK(cu.cuInit(0));
  devices();
  contexts();
  fresh("memory", memory);
  fresh("lazy", lazy);
  fresh("order", order);
  fresh("legacy", legacy);
  fresh("timing", timing);
  fresh("libraries", libraries);
  threads();
  entry_points();
  EQ(emu_count("live_bytes"), 0);
  return finish();
}
