// The matrix product behind every convolution: panels of 4 rows by 16 columns held in registers. Sums run over k in order, in blocks of 256 that
// are added up, so one machine always forms them alike.
#include <algorithm>

#include "run.h"

// Loops into vectors, products and sums into fused ones, whatever the flags.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SK_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define SK_CLONES
#endif

namespace dnn {
namespace {

constexpr int64_t kRows = 4, kColumns = 16, kDepth = 256;

// panel adds a (4 rows) times b (k x 16, packed) to c.
SK_CLONES void panel(int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc) {
  float s[kRows][kColumns] = {};
  for (int64_t p = 0; p < k; p++) {
    const float *row = b + p * kColumns;
    for (int64_t i = 0; i < kRows; i++) {
      float x = a[i * lda + p];
      for (int64_t j = 0; j < kColumns; j++) s[i][j] += x * row[j];
    }
  }
  for (int64_t i = 0; i < kRows; i++)
    for (int64_t j = 0; j < kColumns; j++) c[i * ldc + j] += s[i][j];
}

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc) {
  std::vector<float> packed(size_t(kDepth * kColumns)), rows(size_t(kRows * kDepth));
  float edge[kRows * kColumns];
  for (int64_t p = 0; p < k; p += kDepth) {
    int64_t depth = std::min(kDepth, k - p);
    for (int64_t j = 0; j < n; j += kColumns) {
      int64_t width = std::min(kColumns, n - j);
      for (int64_t q = 0; q < depth; q++)
        for (int64_t x = 0; x < kColumns; x++) packed[size_t(q * kColumns + x)] = x < width ? b[(p + q) * ldb + j + x] : 0;
      for (int64_t i = 0; i < m; i += kRows) {
        int64_t height = std::min(kRows, m - i);
        const float *from = a + i * lda + p;
        int64_t step = lda;
        if (height < kRows) {
          for (int64_t r = 0; r < kRows; r++)
            for (int64_t q = 0; q < depth; q++) rows[size_t(r * kDepth + q)] = r < height ? from[r * lda + q] : 0;
          from = rows.data(), step = kDepth;
        }
        if (height == kRows && width == kColumns) {
          panel(depth, from, step, packed.data(), c + i * ldc + j, ldc);
          continue;
        }
        std::fill(edge, edge + kRows * kColumns, 0.0f);
        panel(depth, from, step, packed.data(), edge, kColumns);
        for (int64_t r = 0; r < height; r++)
          for (int64_t x = 0; x < width; x++) c[(i + r) * ldc + j + x] += edge[r * kColumns + x];
      }
    }
  }
}

}  // namespace dnn
