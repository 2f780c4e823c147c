// Kernels: their results, and the waiting of their threads. checks_test.cc has the checks.
#include <cmath>

#include "harness.h"

static const char *const kAdd = R"(
extern "C" __global__ void k(const float *x, float *y, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i];
}
)";

static void simple() {
  Kernel k(kAdd);
  Array<float> x(1000), y(1000);
  std::vector<float> v(1000);
  for (int i = 0; i < 1000; i++) v[i] = float(i);
  x.put(v);
  OK(k(4, 256, nullptr, x.p, y.p, 2.0f, 999));
  auto r = y.take();
  bool good = true;
  for (int i = 0; i < 999; i++) good = good && r[i] == 2 * float(i);
  CHECK(good);
  CHECK(std::isnan(r[999]));  // not written: poison
}

static void shared() {
  // Sums of 256 by a tree in static and in dynamic shared memory.
  const char *texts[] = {"__shared__ float s[256];", "extern __shared__ float s[];",
                         "extern __shared__ __align__(16) float s[];"};
  for (const char *t : texts) {
    Kernel k(
        std::string(
            "extern \"C\" __global__ void __launch_bounds__(256) k(const float *x, float *y) {\n") +
        t + R"(
  s[threadIdx.x] = x[blockIdx.x * 256 + threadIdx.x];
  __syncthreads();
  for (int h = 128; h > 0; h /= 2) {
    if (threadIdx.x < h) s[threadIdx.x] += s[threadIdx.x + h];
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = s[0];
})");
    k.dynamic = t[0] == 'e' ? 1024 : 0;
    Array<float> x(256 * 50), y(50);
    std::vector<float> v(x.n);
    for (size_t i = 0; i < v.size(); i++) v[i] = float(i % 7);
    x.put(v);
    OK(k(50, 256, nullptr, x.p, y.p));
    auto r = y.take();
    for (int b = 0; b < 50; b++) {
      float want = 0;
      for (int i = 0; i < 256; i++) want += v[size_t(b * 256 + i)];
      CHECK(r[size_t(b)] == want);
    }
  }
}

static void warps() {
  Kernel k(R"(extern "C" __global__ void k(float *x, int *y) {
  int lane = threadIdx.x % 32;
  float v = (float)threadIdx.x;
  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(0xffffffff, v, d);
  x[threadIdx.x] = v;
  y[threadIdx.x] = (int)(__ballot_sync(0xffffffff, lane % 2) >> lane & 1);
  y[threadIdx.x] += 10 * __shfl_up_sync(0xffffffffu, lane, 3) + 1000 * __shfl_down_sync(0xffffffffu, lane, 3, 16) + 100000 * __shfl_sync(0xffffffffu, lane, 5, 8);
  y[threadIdx.x + 64] = __reduce_add_sync(0xffffffffu, lane);
  if (lane < 8) y[threadIdx.x + 128] = __reduce_max_sync(0xff, -lane);
  y[threadIdx.x + 192] = __popc(__match_any_sync(0xffffffffu, lane / 4)) + 10 * __any_sync(0xffffffff, lane == 3) + 100 * __all_sync(0xffffffff, lane < 32);
  double w = __shfl_sync(0xffffffffu, 1.5 * lane, 7);
  if (w != 10.5) y[0] = -1;
  __syncwarp();
})");
  Array<float> x(64);
  Array<int> y(256);
  y.put(std::vector<int>(256));
  OK(k(1, 64, nullptr, x.p, y.p));
  auto r = x.take();
  auto i = y.take();
  EQ(r[0], 496);
  EQ(r[63], 496 + 1024);
  for (int lane = 0; lane < 32; lane++) {
    const int up = lane < 3 ? lane : lane - 3, down = lane % 16 < 13 ? lane + 3 : lane,
              at = lane / 8 * 8 + 5;
    EQ(i[size_t(lane)], lane % 2 + 10 * up + 1000 * down + 100000 * at);
    EQ(i[size_t(lane + 64)], 496);
    EQ(i[size_t(lane + 192)], 114);
  }
  EQ(i[128 + 5], 0);
}

static void atomics() {
  Kernel k(R"(__device__ unsigned int counter;
extern "C" __global__ void k(int *i, float *f, double *d, unsigned long long *u, int *order) {
  atomicAdd(i, 1), atomicAdd(f, 0.5f), atomicAdd(d, 0.25), atomicAdd(u, 3), atomicMax(i + 1, (int)threadIdx.x), atomicMin(i + 2, -(int)blockIdx.x);
  atomicCAS(i + 3, 0, 7), atomicExch(i + 4, 9), atomicOr((unsigned *)i + 5, 1u << threadIdx.x % 32), atomicInc((unsigned *)i + 6, 9u);
  __shared__ bool last;
  __threadfence();
  if (threadIdx.x == 0) order[blockIdx.x] = atomicAdd(&counter, 1u), last = order[blockIdx.x] == gridDim.x - 1;
  __syncthreads();
  if (last && threadIdx.x == 0) i[7] = 1, counter = 0;
})");
  Array<int> i(8), order(50);
  Array<float> f(1);
  Array<double> d(1);
  Array<unsigned long long> u(1);
  for (int round = 0; round < 2; round++) {
    i.put(std::vector<int>(8)), f.put({0}), d.put({0}), u.put({0});
    OK(k(50, 64, nullptr, i.p, f.p, d.p, u.p, order.p));
    const std::vector<int> want = {3200, 63, -49, 7, 9, -1, 0, 1};
    CHECK(i.take() == want);
    EQ(f.take()[0], 1600);
    EQ(d.take()[0], 800);
    EQ(u.take()[0], 9600);
  }
  auto o = order.take();
  bool shuffled = false;
  for (int b = 0; b < 50; b++) shuffled = shuffled || o[size_t(b)] != b;
  CHECK(shuffled);
}

static void cooperative() {
  const char *text = R"(extern "C" __global__ void k(int *arrived, int *x) {
  __shared__ int mine[32];
  mine[threadIdx.x] = 100 * (int)blockIdx.x + (int)threadIdx.x;
  x[blockIdx.x * 32 + threadIdx.x] = 1;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    atomicAdd(arrived, 1);
    while (*(volatile int *)arrived < (int)gridDim.x) WAIT;
  }
  __syncthreads();
  int sum = 0;
  for (int b = 0; b < (int)gridDim.x; b++) sum += x[b * 32 + threadIdx.x];
  x[(gridDim.x + blockIdx.x) * 32 + threadIdx.x] = sum + (mine[threadIdx.x] == 100 * (int)blockIdx.x + (int)threadIdx.x ? 0 : 1000);
})";
  for (const char *wait : {"__nanosleep(100)", "{}"}) {
    std::string s = text;
    s.replace(s.find("WAIT"), 4, wait);
    Kernel k(s);
    Array<int> arrived(1), x(2 * 20 * 32);
    arrived.put({0});
    void *params[] = {&arrived.p, &x.p};
    OK(cu.cuLaunchCooperativeKernel(k.f, 20, 1, 1, 32, 1, 1, 0, nullptr, params));
    auto r = x.take();
    bool good = true;
    for (int i = 640; i < 1280; i++) good = good && r[size_t(i)] == 20;
    CHECK(good);
    int fit = 0, sms = 0;
    OK(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&fit, k.f, 32, 0));
    OK(cu.cuDeviceGetAttribute(&sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
    EQ(cu.cuLaunchCooperativeKernel(k.f, unsigned(fit * sms + 1), 1, 1, 32, 1, 1, 0, nullptr,
                                    params),
       CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  }
}

static void launches() {
  Kernel k(
      "extern \"C\" __global__ void __launch_bounds__(128) k(float *x, char c, double d) { if (c "
      "== 3 && d == 0.5) x[0] = gridDim.y; }");
  Array<float> x(1);
  char c = 3;
  double d = 0.5;
  void *good[] = {&x.p, &c, &d}, *bad[] = {&x.p, nullptr, &d};
  auto go = [&](unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                unsigned shared, void **params) {
    return cu.cuLaunchKernel(k.f, gx, gy, gz, bx, by, bz, shared, nullptr, params, nullptr);
  };
  OK(go(1, 7, 1, 128, 1, 1, 0, good));
  EQ(x.take()[0], 7);
  EQ(go(0, 1, 1, 1, 1, 1, 0, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 65536, 1, 1, 1, 1, 0, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 32, 32, 2, 0, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 1, 1, 65, 0, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 129, 1, 1, 0, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 1, 1, 1, 49153, good), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 1, 1, 1, 0, bad), CUDA_ERROR_INVALID_VALUE);
  EQ(go(1, 1, 1, 1, 1, 1, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  EQ(cu.cuFuncSetAttribute(k.f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232449),
     CUDA_ERROR_INVALID_VALUE);
  OK(cu.cuFuncSetAttribute(k.f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232448));
  OK(go(1, 1, 1, 1, 1, 1, 232448, good));
  int value = 0;
  OK(cu.cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, k.f));
  EQ(value, 128);
  size_t offset = 0, size = 0;
  OK(cu.cuFuncGetParamInfo(k.f, 2, &offset, &size));
  EQ(offset, 16);
  EQ(size, 8);
  EQ(cu.cuFuncGetParamInfo(k.f, 3, &offset, &size), CUDA_ERROR_INVALID_VALUE);
  const char *name;
  OK(cu.cuFuncGetName(&name, k.f));
  CHECK(!strcmp(name, "k"));
  EQ(cu.cuLaunchKernel(CUfunction(x.p), 1, 1, 1, 1, 1, 1, 0, nullptr, good, nullptr),
     CUDA_ERROR_INVALID_HANDLE);
  CUfunction f = k.f;
  OK(cu.cuModuleUnload(k.module));
  EQ(cu.cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, good, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EQ(cu.cuModuleUnload(k.module), CUDA_ERROR_INVALID_HANDLE);
}

static void globals() {
  Kernel k(
      "__device__ int table[4]; __constant__ float c; extern \"C\" __global__ void k(int *x) { "
      "x[threadIdx.x] = table[threadIdx.x] + (int)c; }");
  CUdeviceptr p = 0;
  size_t bytes = 0;
  OK(cu.cuModuleGetGlobal_v2(&p, &bytes, k.module, "table"));
  EQ(bytes, 16);
  const int v[4] = {1, 2, 3, 4};
  OK(cu.cuMemcpyHtoDAsync_v2(p, v, 16, nullptr));
  EQ(cu.cuMemcpyHtoDAsync_v2(p, v, 20, nullptr), CUDA_ERROR_INVALID_VALUE);
  OK(cu.cuModuleGetGlobal_v2(&p, &bytes, k.module, "c"));
  const float c = 10;
  OK(cu.cuMemcpyHtoDAsync_v2(p, &c, 4, nullptr));
  Array<int> x(4);
  OK(k(1, 4, nullptr, x.p));
  EQ(x.take()[3], 14);
  EQ(cu.cuModuleGetGlobal_v2(&p, &bytes, k.module, "nothing"), CUDA_ERROR_NOT_FOUND);
  EQ(cu.cuModuleGetGlobal_v2(&p, &bytes, k.module, "k"), CUDA_ERROR_NOT_FOUND);
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  fresh("simple", simple);
  fresh("shared", shared);
  fresh("warps", warps);
  fresh("atomics", atomics);
  fresh("cooperative", cooperative);
  fresh("launches", launches);
  fresh("globals", globals);
  return finish();
}
