// Tensor cores, ldmatrix and cp.async: their results, and that each mistake with them shows.
#include <cmath>
#include <cstdint>

#include "harness.h"

using Halves = std::vector<uint16_t>;

static float up(uint16_t h, bool bf16) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, rest = h & 0x7fff;
  uint32_t u = bf16 ? uint32_t(h) << 16 : sign | ((rest << 13) + 0x38000000);
  if (!bf16 && rest < 0x400) return std::ldexp(float(rest), -24) * (sign ? -1.0f : 1.0f);
  if (!bf16 && rest >= 0x7c00) u = sign | 0x7f800000 | (rest & 0x3ff) << 13;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

// Numbers of all sizes near 1, and in binary16 below its normal ones too.
static Halves halves(size_t n, bool bf16, uint32_t seed) {
  Halves v(n);
  for (auto &h : v) {
    seed = seed * 1664525 + 1013904223;
    const uint32_t r = seed >> 8;
    const uint16_t exponent = uint16_t(bf16 ? 124 + r % 7 : r % 8 == 0 ? 0 : 12 + r % 7);
    h = uint16_t((r >> 20 & 1) << 15 |
                 (bf16 ? exponent << 7 | (r >> 4 & 0x7f) : exponent << 10 | (r >> 4 & 0x3ff)));
  }
  return v;
}

// a[16][16] * b[16][8] + c[16][8], with fragments read from global memory by the table of the PTX
// manual.
static const char *const kMma = R"(
extern "C" __global__ void k(const unsigned *a, const unsigned short *b, const float *c, float *d) {
  const int lane = threadIdx.x % 32, row = lane / 4, pair = lane % 4;
  const unsigned ra[4] = {a[row * 8 + pair], a[(row + 8) * 8 + pair], a[row * 8 + pair + 4], a[(row + 8) * 8 + pair + 4]};
  unsigned rb[2];
  for (int i = 0; i < 2; i++) rb[i] = b[(2 * pair + 8 * i) * 8 + row] | b[(2 * pair + 8 * i + 1) * 8 + row] << 16;
  float r[4];
  for (int i = 0; i < 4; i++) r[i] = c[(row + i / 2 * 8) * 8 + 2 * pair + i % 2];
  sk_mma_m16n8k16<BF>(r, ra, rb);
  for (int i = 0; i < 4; i++) d[threadIdx.x / 32 * 128 + (row + i / 2 * 8) * 8 + 2 * pair + i % 2] = r[i];
})";

static void product() {
  for (bool bf16 : {false, true}) {
    Kernel k((bf16 ? "#define BF true\n" : "#define BF false\n") + std::string(kMma));
    const Halves a = halves(256, bf16, 1), b = halves(128, bf16, 2);
    Array<uint16_t> da(256), db(128);
    Array<float> dc(128), dd(256);
    std::vector<float> c(128);
    for (size_t i = 0; i < 128; i++) c[i] = float(i) / 7 - 9;
    da.put(a), db.put(b), dc.put(c);
    OK(k(1, 64, nullptr, da.p, db.p, dc.p, dd.p));
    const auto d = dd.take();
    int wrong = 0;
    for (size_t m = 0; m < 16; m++)
      for (size_t n = 0; n < 8; n++) {
        long double sum = c[m * 8 + n];  // exact enough to be rounded once
        for (size_t i = 0; i < 16; i++)
          sum += (long double)(up(a[m * 16 + i], bf16)) * (long double)(up(b[i * 8 + n], bf16));
        for (size_t warp = 0; warp < 2; warp++) wrong += d[warp * 128 + m * 8 + n] != float(sum);
      }
    EQ(wrong, 0);
  }
}

// Sums are rounded once: 2^24 + 1 - 2^24 + ... keeps the ones, which float32 would lose one after
// the other.
static void rounded_once() {
  Kernel k("#define BF true\n" + std::string(kMma));
  Halves a(256), b(128, 0x3f80);  // b: ones
  for (size_t m = 0; m < 16; m++)
    // 2^24, 14 ones, -2^24.
    for (size_t i = 0; i < 16; i++) a[m * 16 + i] = i == 0 ? 0x4b80 : i == 15 ? 0xcb80 : 0x3f80;
  Array<uint16_t> da(256), db(128);
  Array<float> dc(128), dd(128);
  da.put(a), db.put(b), dc.put(std::vector<float>(128, 0.5f));
  OK(k(1, 32, nullptr, da.p, db.p, dc.p, dd.p));
  for (float f : dd.take()) EQ(f * 2, 29);
  b[0] = 0x7fc0;  // a NaN goes to one column of all rows
  db.put(b);
  OK(k(1, 32, nullptr, da.p, db.p, dc.p, dd.p));
  const auto d = dd.take();
  for (size_t i = 0; i < 128; i++) CHECK(std::isnan(d[i]) == (i % 8 == 0));
}

// Four matrices whose elements encode their position: 100*matrix + 10*row + column.
static void matrices() {
  for (const char *shape : {"1, false", "2, false", "4, false", "1, true", "2, true", "4, true"}) {
    const int n = shape[0] - '0';
    const bool trans = shape[3] == 't';
    Kernel k(std::string("#define SHAPE ") + shape + "\n#define N " + shape[0] + R"(
extern "C" __global__ void k(unsigned *out) {
  __shared__ __align__(16) unsigned short s[4][8][24];   // rows at a pitch of 48 bytes
  const int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) s[i / 64][i / 8 % 8][i % 8] = i / 64 * 100 + i / 8 % 8 * 10 + i % 8;
  __syncwarp();
  unsigned r[N];
  // Lanes without a matrix may pass any address.
  const unsigned address = lane < 8 * N ? (unsigned)__cvta_generic_to_shared(&s[lane / 8][lane % 8][0]) : 0xfffffff1u;
  sk_ldmatrix<SHAPE>(r, address);
  for (int i = 0; i < N; i++) out[i * 32 + lane] = r[i];
})");
    Array<unsigned> out(size_t(n) * 32);
    OK(k(1, 32, nullptr, out.p));
    const auto r = out.take();
    for (unsigned i = 0; i < r.size(); i++) {
      const unsigned lane = i % 32, m = i / 32 * 100, row = lane / 4, column = lane % 4 * 2;
      const unsigned first = trans ? m + column * 10 + row : m + row * 10 + column,
                     second = trans ? first + 10 : first + 1;
      EQ(r[i], first | second << 16);
    }
  }
}

#define COPY(body)                                                                            \
  "extern \"C\" __global__ void k(float *x, float *y, int n) {\n"                             \
  "__shared__ __align__(16) float s[256]; extern __shared__ __align__(16) float e[];\n"       \
  "const unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * threadIdx.x); const float " \
  "*from = x + 4 * threadIdx.x;\n" body "\n}"

// Each case writes y[0..63]; a missing wait leaves NaN.
static void copies() {
  struct {
    const char *what, *text;
    float first, last;  // of y; 0: NaN
  } cases[] = {
      {"waited for",
       COPY("sk_cp_async<16, true>(to, from); sk_cp_async_commit(); sk_cp_async_wait_group<0>(); "
            "y[threadIdx.x] = s[4 * threadIdx.x + 3];"),
       4, 256},
      {"waited for, another thread's",
       COPY("sk_cp_async<16>(to, from); sk_cp_async_wait_all(); __syncthreads(); y[threadIdx.x] = "
            "s[252 - 4 * threadIdx.x];"),
       253, 1},
      {"not waited for",
       COPY("sk_cp_async<16, true>(to, from); sk_cp_async_commit(); y[threadIdx.x] = s[4 * "
            "threadIdx.x];"),
       0, 0},
      {"not committed",
       COPY("sk_cp_async<16, true>(to, from); sk_cp_async_wait_group<0>(); y[threadIdx.x] = s[4 * "
            "threadIdx.x];"),
       0, 0},
      {"the last group is not waited for",
       COPY("sk_cp_async<8>(to, from); sk_cp_async_commit(); sk_cp_async<8>(to + 8, from + 2); "
            "sk_cp_async_commit(); sk_cp_async_wait_group<1>(); y[threadIdx.x] = s[4 * threadIdx.x "
            "+ 2];"),
       0, 0},
      {"the first group is",
       COPY("sk_cp_async<8>(to, from); sk_cp_async_commit(); sk_cp_async<8>(to + 8, from + 2); "
            "sk_cp_async_commit(); sk_cp_async_wait_group<1>(); y[threadIdx.x] = s[4 * threadIdx.x "
            "+ 1];"),
       2, 254},
      {"filled up with zeros",
       COPY("sk_cp_async<16, true>(to, from, 8); sk_cp_async_wait_all(); y[threadIdx.x] = s[4 * "
            "threadIdx.x + 2] + s[4 * threadIdx.x];"),
       1, 253},
      {"nothing is read",
       COPY("sk_cp_async<16, true>(to, 0, 0); sk_cp_async_wait_all(); y[threadIdx.x] = s[4 * "
            "threadIdx.x + 2] + 5;"),
       5, 5},
      {"to dynamic memory",
       COPY("sk_cp_async<4>((unsigned)__cvta_generic_to_shared(e + threadIdx.x), from); "
            "sk_cp_async_wait_all(); y[threadIdx.x] = e[threadIdx.x];"),
       1, 253},
  };
  for (auto &c : cases)
    fresh(c.what, [&] {
      Kernel k(c.text);
      k.dynamic = 256;
      Array<float> x(256), y(64);
      std::vector<float> v(256);
      for (size_t i = 0; i < 256; i++) v[i] = float(i + 1);
      x.put(v);
      OK(k(1, 64, nullptr, x.p, y.p, 0));
      const auto r = y.take();
      CHECK(c.first == 0 ? std::isnan(r[0]) : r[0] == c.first);
      CHECK(c.last == 0 ? std::isnan(r[63]) : r[63] == c.last);
    });
}

#define WARP(body)                                                                               \
  "extern \"C\" __global__ void k(float *x, float *y, int n) {\n__shared__ __align__(16) float " \
  "s[256];\n"                                                                                    \
  "const unsigned at = (unsigned)__cvta_generic_to_shared(s); float d[4] = {}; unsigned a[4] = " \
  "{}, b[2] = {};\n" body "\n}"

static void mistakes() {
  struct {
    const char *what, *text;
    unsigned threads;
    CUresult want;
    std::vector<const char *> words;
  } cases[] = {
      {"mma of half a warp",
       WARP("if (threadIdx.x < 16) sk_mma_m16n8k16<true>(d, a, b);"),
       32,
       CUDA_ERROR_LAUNCH_FAILED,
       {"line 4: mma.sync needs all 32 lanes of a warp, and has 16"}},
      {"mma of a warp with 8 lanes",
       WARP("sk_mma_m16n8k16<true>(d, a, b);"),
       40,
       CUDA_ERROR_LAUNCH_FAILED,
       {"needs all 32 lanes", "has 8"}},
      {"mma at two places",
       WARP("if (threadIdx.x < 16) { y[0] = 1; sk_mma_m16n8k16<true>(d, a, b); } else "
            "sk_mma_m16n8k16<true>(d, a, b);"),
       32,
       CUDA_ERROR_LAUNCH_FAILED,
       {"two calls of mma.sync of line 4"}},
      {"mma of two types",
       WARP("if (threadIdx.x < 16) sk_mma_m16n8k16<true>(d, a, b);\nelse sk_mma_m16n8k16<false>(d, "
            "a, b);"),
       32,
       CUDA_ERROR_LAUNCH_FAILED,
       {"different operations", "lines"}},
      {"mma beside a barrier",
       WARP("if (threadIdx.x < 16) sk_mma_m16n8k16<true>(d, a, b);\nelse __syncthreads();"),
       32,
       CUDA_ERROR_LAUNCH_FAILED,
       {"wait for one another for ever", "16 in a warp's operation at line 4",
        "16 in __syncthreads at line 5"}},
      {"ldmatrix of half a warp",
       WARP("if (threadIdx.x < 16) sk_ldmatrix<4, true>(a, at);"),
       32,
       CUDA_ERROR_LAUNCH_FAILED,
       {"ldmatrix.sync needs all 32 lanes"}},
      {"ldmatrix behind the end",
       WARP("s[threadIdx.x] = 0; sk_ldmatrix<4, true>(a, at + 32 * threadIdx.x + 8 * n);"),
       33,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"thread (32,0,0)", "line 4: ldmatrix.sync of 16 bytes at shared address",
        "outside of the block's 1024 bytes of static and 0 of dynamic"}},
      {"ldmatrix of a row that is not aligned",
       WARP("sk_ldmatrix<1, false>(*(unsigned (*)[1])a, at + 8);"),
       32,
       CUDA_ERROR_MISALIGNED_ADDRESS,
       {"no multiple of 16"}},
      {"ldmatrix of null",
       WARP("sk_ldmatrix<2, false>(b, 0);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"at shared address 0,"}},
      {"cp.async behind the end",
       WARP("s[0] = 0; sk_cp_async<16, true>(at + 1024, x);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"cp.async of 16 bytes at shared address", "outside of"}},
      {"cp.async half behind the end",
       WARP("s[0] = 0; sk_cp_async<16, true>(at + 1016, x);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"cp.async of 16 bytes"}},
      {"cp.async to where it is not aligned",
       WARP("sk_cp_async<16, true>(at + 8, x);"),
       32,
       CUDA_ERROR_MISALIGNED_ADDRESS,
       {"line 4: cp.async at shared address"}},
      {"cp.async from where it is not aligned",
       WARP("sk_cp_async<16, true>(at, x + 1);"),
       32,
       CUDA_ERROR_MISALIGNED_ADDRESS,
       {"cp.async from an address that is no multiple of 16"}},
      {"cp.async from behind the end",
       WARP("sk_cp_async<16, true>(at, x + 256);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"reads 16 bytes", "0 bytes behind the end"}},
      {"cp.async from shared memory",
       WARP("s[0] = 0; sk_cp_async<16, true>(at, s + 4);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"not global"}},
      {"cp.async given too much",
       WARP("sk_cp_async<8>(at, x, 16);"),
       32,
       CUDA_ERROR_ILLEGAL_INSTRUCTION,
       {"is given 16 of 8 bytes"}},
      {"an address of what is not shared",
       WARP("x[0] = (float)__cvta_generic_to_shared(x);"),
       32,
       CUDA_ERROR_ILLEGAL_ADDRESS,
       {"__cvta_generic_to_shared", "not in the block's shared memory"}},
  };
  for (auto &c : cases)
    fresh(c.what, [&] {
      Kernel k(c.text);
      Array<float> x(256), y(64);
      x.put(std::vector<float>(256));
      OK(k(1, c.threads, nullptr, x.p, y.p, 0));
      EQ(cu.cuStreamSynchronize(nullptr), c.want);
      for (const char *w : c.words) CHECK(says({w}));
    });
}

static void races() {
  struct {
    const char *what, *text;
    std::vector<const char *> words;  // none: no race
  } cases[] = {
      {"read by another without a barrier",
       COPY("sk_cp_async<16>(to, from); sk_cp_async_wait_all(); y[threadIdx.x] = s[252 - 4 * "
            "threadIdx.x];"),
       {"race: "}},
      {"with a barrier",
       COPY("sk_cp_async<16>(to, from); sk_cp_async_wait_all(); __syncthreads(); y[threadIdx.x] = "
            "s[252 - 4 * threadIdx.x];"),
       {}},
      {"with a barrier in front of the wait",
       COPY("sk_cp_async<16>(to, from); __syncthreads(); sk_cp_async_wait_all(); y[threadIdx.x] = "
            "s[252 - 4 * threadIdx.x];"),
       {"race: "}},
      {"over what others still read",
       COPY("s[threadIdx.x] = 1; __syncthreads(); y[threadIdx.x] = s[63 - threadIdx.x]; "
            "sk_cp_async<16>(to, from); sk_cp_async_wait_all();"),
       {"race: "}},
      {"ldmatrix of what others wrote",
       COPY("s[threadIdx.x] = 1; unsigned r[1]; sk_ldmatrix<1, false>(r, "
            "(unsigned)__cvta_generic_to_shared(s + 4 * (threadIdx.x & 7))); y[threadIdx.x] = "
            "r[0];"),
       {"race: "}},
      {"behind a barrier",
       COPY("s[threadIdx.x] = 1; __syncthreads(); unsigned r[1]; sk_ldmatrix<1, false>(r, "
            "(unsigned)__cvta_generic_to_shared(s + 4 * (threadIdx.x & 7))); y[threadIdx.x] = "
            "r[0];"),
       {}},
  };
  emu_set("races=1; log=none");
  for (auto &c : cases)
    fresh(c.what, [&] {
      Kernel k(c.text);
      k.dynamic = 256;
      Array<float> x(256), y(64);
      x.put(std::vector<float>(256));
      OK(k(3, 64, nullptr, x.p, y.p, 0));
      EQ(cu.cuStreamSynchronize(nullptr),
         c.words.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED);
      for (const char *w : c.words) CHECK(says({w}));
    });
  emu_set(nullptr);
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  fresh("product", product);
  fresh("rounded once", rounded_once);
  fresh("matrices", matrices);
  copies();
  mistakes();
  races();
  return finish();
}
