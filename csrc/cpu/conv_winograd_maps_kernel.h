// conv_winograd_maps_kernel.h: the one-dimensional maps of Winograd's algorithms. Each is a linear
// map of whole vectors, as channels lie side by side: no shuffles. In the plane both directions are
// transformed, columns first.
//
//   y = A'[(G g) * (B' d)]    g: taps of a kernel, d: inputs of a tile, y: its outputs
//
// The gradients are the adjoint maps and share A dy: dd = B[(G g) * (A dy)],
// dg = G'[(B' d) * (A dy)].
#ifndef SK_CONV_WINOGRAD_MAPS_KERNEL_H
#define SK_CONV_WINOGRAD_MAPS_KERNEL_H
#include "vec_kernel.h"

// Stride 1, F(4, 3). The points are 0, +-a, +-b and infinity. The usual a = 1, b = 2 costs as much
// and gives twice the error, as the rows of B' and A differ more in size then. 5/8 and 3/2 are near
// the best pair, and everything but G is exact in float32.
#define WA 0.625f
#define WB 1.5f
#define WA2 (WA * WA)
#define WB2 (WB * WB)
#define WG0 (1 / (WA2 * WB2))  // rows of G: the divisors of the interpolation
#define WGA (1 / (2 * WA2 * (WA2 - WB2)))
#define WGB (1 / (2 * WB2 * (WB2 - WA2)))

// r = B' d
SK_INLINE void winograd_bt(const vf *d, vf *r) {
  vf ae = d[4] - WB2 * d[2], ao = d[3] - WB2 * d[1], be = d[4] - WA2 * d[2], bo = d[3] - WA2 * d[1];
  r[0] = WA2 * WB2 * d[0] + (d[4] - (WA2 + WB2) * d[2]);
  r[1] = ae + WA * ao;
  r[2] = ae - WA * ao;
  r[3] = be + WB * bo;
  r[4] = be - WB * bo;
  r[5] = WA2 * WB2 * d[1] + (d[5] - (WA2 + WB2) * d[3]);
}

// r = B m
SK_INLINE void winograd_b(const vf *m, vf *r) {
  vf ae = m[1] + m[2], ao = m[1] - m[2], be = m[3] + m[4], bo = m[3] - m[4];
  r[0] = WA2 * WB2 * m[0];
  r[1] = WA2 * WB2 * m[5] - WA * WB2 * ao - WA2 * WB * bo;
  r[2] = -(WA2 + WB2) * m[0] - WB2 * ae - WA2 * be;
  r[3] = WA * ao + WB * bo - (WA2 + WB2) * m[5];
  r[4] = m[0] + ae + be;
  r[5] = m[5];
}

// r = A' m
SK_INLINE void winograd_at(const vf *m, vf *r) {
  vf ae = m[1] + m[2], ao = m[1] - m[2], be = m[3] + m[4], bo = m[3] - m[4];
  r[0] = m[0] + ae + be;
  r[1] = WA * ao + WB * bo;
  r[2] = WA2 * ae + WB2 * be;
  r[3] = WA * WA2 * ao + (WB * WB2 * bo + m[5]);
}

// r = A d
SK_INLINE void winograd_a(const vf *d, vf *r) {
  vf ae = d[0] + WA2 * d[2], ao = WA * d[1] + WA * WA2 * d[3], be = d[0] + WB2 * d[2],
     bo = WB * d[1] + WB * WB2 * d[3];
  r[0] = d[0];
  r[1] = ae + ao;
  r[2] = ae - ao;
  r[3] = be + bo;
  r[4] = be - bo;
  r[5] = d[3];
}

// r = G g
SK_INLINE void winograd_g(const vf *g, vf *r) {
  vf ae = g[0] + WA2 * g[2], be = g[0] + WB2 * g[2];
  r[0] = WG0 * g[0];
  r[1] = WGA * (ae + WA * g[1]);
  r[2] = WGA * (ae - WA * g[1]);
  r[3] = WGB * (be + WB * g[1]);
  r[4] = WGB * (be - WB * g[1]);
  r[5] = g[2];
}

// r = G' m
SK_INLINE void winograd_gt(const vf *m, vf *r) {
  vf ae = WGA * (m[1] + m[2]), ao = WGA * (m[1] - m[2]), be = WGB * (m[3] + m[4]),
     bo = WGB * (m[3] - m[4]);
  r[0] = WG0 * m[0] + (ae + be);
  r[1] = WA * ao + WB * bo;
  r[2] = WA2 * ae + WB2 * be + m[5];
}

// Stride 2. Output i reads d[2i], d[2i+1] and d[2i+2] of a tile's nine inputs. The even ones meet
// the outer taps as in F(4, 2) of stride 1, five products at the points +-a, +-b and infinity; the
// odd ones meet the middle tap, one product an output. 3/8 and 5/4 are near the best pair.
#define SA 0.375f
#define SB 1.25f
#define SA2 (SA * SA)
#define SB2 (SB * SB)
#define SGA (1 / (2 * SA * (SA2 - SB2)))
#define SGB (1 / (2 * SB * (SB2 - SA2)))

// r = B' d, 9 to 9: products 0 .. 4 of the outer taps, 5 .. 8 of the middle one
SK_INLINE void winograd_strided_bt(const vf *d, vf *r) {
  vf ae = SA * (d[4] - SB2 * d[0]), ao = d[6] - SB2 * d[2], be = SB * (d[4] - SA2 * d[0]),
     bo = d[6] - SA2 * d[2];
  r[0] = ao + ae;
  r[1] = ao - ae;
  r[2] = bo + be;
  r[3] = bo - be;
  r[4] = SA2 * SB2 * d[0] + (d[8] - (SA2 + SB2) * d[4]);
  UNROLL for (int i = 0; i < 4; i++) r[5 + i] = d[2 * i + 1];
}

// r = B m, 9 to 9
SK_INLINE void winograd_strided_b(const vf *m, vf *r) {
  vf ae = m[0] + m[1], ao = SA * (m[0] - m[1]), be = m[2] + m[3], bo = SB * (m[2] - m[3]);
  r[0] = SA2 * SB2 * m[4] - SB2 * ao - SA2 * bo;
  r[2] = -SB2 * ae - SA2 * be;
  r[4] = ao + bo - (SA2 + SB2) * m[4];
  r[6] = ae + be;
  r[8] = m[4];
  UNROLL for (int i = 0; i < 4; i++) r[2 * i + 1] = m[5 + i];
}

// r = A' m, 9 to 4
SK_INLINE void winograd_strided_at(const vf *m, vf *r) {
  vf ae = m[0] + m[1], ao = SA * (m[0] - m[1]), be = m[2] + m[3], bo = SB * (m[2] - m[3]);
  r[0] = ae + be + m[5];
  r[1] = ao + bo + m[6];
  r[2] = SA2 * ae + SB2 * be + m[7];
  r[3] = SA2 * ao + SB2 * bo + m[4] + m[8];
}

// r = A d, 4 to 9
SK_INLINE void winograd_strided_a(const vf *d, vf *r) {
  vf ae = d[0] + SA2 * d[2], ao = SA * (d[1] + SA2 * d[3]);
  vf be = d[0] + SB2 * d[2], bo = SB * (d[1] + SB2 * d[3]);
  r[0] = ae + ao;
  r[1] = ae - ao;
  r[2] = be + bo;
  r[3] = be - bo;
  r[4] = d[3];
  UNROLL for (int i = 0; i < 4; i++) r[5 + i] = d[i];
}

// r = G g, 3 to 6; the last is the middle tap
SK_INLINE void winograd_strided_g(const vf *g, vf *r) {
  r[0] = SGA * (g[0] + SA * g[2]);
  r[1] = -SGA * (g[0] - SA * g[2]);
  r[2] = SGB * (g[0] + SB * g[2]);
  r[3] = -SGB * (g[0] - SB * g[2]);
  r[4] = g[2];
  r[5] = g[1];
}

// r = G' m, 6 to 3
SK_INLINE void winograd_strided_gt(const vf *m, vf *r) {
  r[0] = SGA * (m[0] - m[1]) + SGB * (m[2] - m[3]);
  r[1] = m[5];
  r[2] = SGA * SA * (m[0] + m[1]) + SGB * SB * (m[2] + m[3]) + m[4];
}

enum { MAP_BT, MAP_B, MAP_AT, MAP_A, MAP_G, MAP_GT };

// r = the map of d, for a stride. Constants in all but d and r.
SK_INLINE void winograd_1d(const int map, const int stride, const vf *d, vf *r) {
  switch (map * 2 + stride - 1) {
  case MAP_BT * 2: winograd_bt(d, r); break;
  case MAP_BT * 2 + 1: winograd_strided_bt(d, r); break;
  case MAP_B * 2: winograd_b(d, r); break;
  case MAP_B * 2 + 1: winograd_strided_b(d, r); break;
  case MAP_AT * 2: winograd_at(d, r); break;
  case MAP_AT * 2 + 1: winograd_strided_at(d, r); break;
  case MAP_A * 2: winograd_a(d, r); break;
  case MAP_A * 2 + 1: winograd_strided_a(d, r); break;
  case MAP_G * 2: winograd_g(d, r); break;
  case MAP_G * 2 + 1: winograd_strided_g(d, r); break;
  case MAP_GT * 2: winograd_gt(d, r); break;
  default: winograd_strided_gt(d, r); break;
  }
}

// Vectors that a map reads and writes.
SK_INLINE int winograd_inputs(const int map, const int stride) {
  switch (map) {
  case MAP_A: return 4;
  case MAP_G: return 3;
  case MAP_GT: return 6;
  default: return stride == 1 ? 6 : 9;
  }
}

SK_INLINE int winograd_outputs(const int map, const int stride) {
  switch (map) {
  case MAP_AT: return 4;
  case MAP_G: return 6;
  case MAP_GT: return 3;
  default: return stride == 1 ? 6 : 9;
  }
}
#endif
