// Kernels: what they compute, how their threads wait for one another, and that each check of them fires.
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
  const char *texts[] = {"__shared__ float s[256];", "extern __shared__ float s[];", "extern __shared__ __align__(16) float s[];"};
  for (const char *t : texts) {
    Kernel k(std::string("extern \"C\" __global__ void __launch_bounds__(256) k(const float *x, float *y) {\n") + t + R"(
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

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  OK(cu.cuInit(0));
  fresh("simple", simple);
  fresh("shared", shared);
  return finish();
}
