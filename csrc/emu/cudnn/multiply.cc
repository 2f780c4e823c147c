// The matrix product of every convolution: panels of 6 rows by 16 columns held in registers. Sums
// run over k in order, in blocks of 256 that are added up, so that one machine always forms them
// alike.
#include <algorithm>

#include "run.h"

// Contracts products and sums into fused ones, independent of the flags.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

namespace dnn {
namespace {

constexpr int64_t kRows = 6, kColumns = 16, kDepth = 256;
typedef float Vector __attribute__((vector_size(32), aligned(4)));

using Panel = void (*)(int64_t k, const float *a, int64_t lda, const float *b, float *c,
                       int64_t ldc);

// body adds a (6 rows) times b (k x 16, packed) to c: twelve vectors of sums, which stay in
// registers.
inline __attribute__((always_inline)) void body(int64_t k, const float *a, int64_t lda,
                                                const float *b, float *c, int64_t ldc) {
  Vector s[kRows][2] = {};
  for (int64_t p = 0; p < k; p++) {
    const Vector *row = reinterpret_cast<const Vector *>(b + p * kColumns);
    Vector left = row[0], right = row[1];
#pragma GCC unroll 6
    for (int64_t i = 0; i < kRows; i++) {
      float x = a[i * lda + p];
      s[i][0] += x * left;
      s[i][1] += x * right;
    }
  }
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRows; i++) {
    Vector *row = reinterpret_cast<Vector *>(c + i * ldc);
    row[0] += s[i][0];
    row[1] += s[i][1];
  }
}

void plain(int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc) {
  body(k, a, lda, b, c, ldc);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2,fma"))) void fused(int64_t k, const float *a, int64_t lda,
                                               const float *b, float *c, int64_t ldc) {
  body(k, a, lda, b, c, ldc);
}
Panel choosePanel() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? fused : plain;
}
#else
Panel choosePanel() { return plain; }
#endif

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a, Matrix<const float> b,
              Matrix<float> c) {
  std::vector<float> packed(size_t(kDepth * kColumns)), rows(size_t(kRows * kDepth));
  float edge[kRows * kColumns];
  static const Panel panel = choosePanel();
  for (int64_t p = 0; p < k; p += kDepth) {
    int64_t depth = std::min(kDepth, k - p);
    for (int64_t j = 0; j < n; j += kColumns) {
      int64_t width = std::min(kColumns, n - j);
      for (int64_t q = 0; q < depth; q++)
        for (int64_t x = 0; x < kColumns; x++)
          packed[size_t(q * kColumns + x)] = x < width ? b.row(p + q)[j + x] : 0;
      for (int64_t i = 0; i < m; i += kRows) {
        int64_t height = std::min(kRows, m - i);
        const float *from = a.row(i) + p;
        int64_t step = a.pitch;
        if (height < kRows) {
          for (int64_t r = 0; r < kRows; r++)
            for (int64_t q = 0; q < depth; q++)
              rows[size_t(r * kDepth + q)] = r < height ? from[r * a.pitch + q] : 0;
          from = rows.data(), step = kDepth;
        }
        if (height == kRows && width == kColumns) {
          panel(depth, from, step, packed.data(), c.row(i) + j, c.pitch);
          continue;
        }
        std::fill(edge, edge + kRows * kColumns, 0.0f);
        panel(depth, from, step, packed.data(), edge, kColumns);
        for (int64_t r = 0; r < height; r++)
          for (int64_t x = 0; x < width; x++) c.row(i + r)[j + x] += edge[r * kColumns + x];
      }
    }
  }
}

}  // namespace dnn
