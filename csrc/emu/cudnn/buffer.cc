// Buffers: from a tensor's memory with any strides and type to dense floats, and back.
#include "run.h"

namespace dnn {
using namespace abi;

namespace {

template <class T, float F(T)> void widen(const T *p, int64_t stride, int64_t n, float *out) {
  if (stride == 1)
    for (int64_t i = 0; i < n; i++) out[i] = F(p[i]);
  else
    for (int64_t i = 0; i < n; i++) out[i] = F(p[i * stride]);
}
template <class T, T F(float)> void narrow(const float *in, int64_t n, T *p, int64_t stride) {
  if (stride == 1)
    for (int64_t i = 0; i < n; i++) p[i] = F(in[i]);
  else
    for (int64_t i = 0; i < n; i++) p[i * stride] = F(in[i]);
}

float same(float f) { return f; }
template <class T> float number(T v) { return float(v); }
template <class T> T whole(float f) { return T(f); }

// Booleans are bits, eight to a byte, the lowest first; strides count bits.
void widenBits(const uint8_t *p, int64_t at, int64_t stride, int64_t n, float *out) {
  for (int64_t i = 0; i < n; i++, at += stride) out[i] = p[at / 8] >> (at % 8) & 1;
}
void narrowBits(const float *in, int64_t n, uint8_t *p, int64_t at, int64_t stride) {
  for (int64_t i = 0; i < n; i++, at += stride)
    p[at / 8] = uint8_t((p[at / 8] & ~(1 << at % 8)) | (in[i] != 0) << at % 8);
}

void loadRow(int type, const void *base, int64_t at, int64_t stride, int64_t n, float *out) {
  switch (type) {
  case kFloat: return widen<float, same>(static_cast<const float *>(base) + at, stride, n, out);
  case kHalf:
    return widen<uint16_t, fromF16>(static_cast<const uint16_t *>(base) + at, stride, n, out);
  case kBfloat16:
    return widen<uint16_t, fromBf16>(static_cast<const uint16_t *>(base) + at, stride, n, out);
  case kInt8:
    return widen<int8_t, number<int8_t>>(static_cast<const int8_t *>(base) + at, stride, n, out);
  case kUint8:
    return widen<uint8_t, number<uint8_t>>(static_cast<const uint8_t *>(base) + at, stride, n, out);
  case kBoolean: return widenBits(static_cast<const uint8_t *>(base), at, stride, n, out);
  case kInt32:
    return widen<int32_t, number<int32_t>>(static_cast<const int32_t *>(base) + at, stride, n, out);
  case kInt64:
    return widen<int64_t, number<int64_t>>(static_cast<const int64_t *>(base) + at, stride, n, out);
  case kDouble:
    return widen<double, number<double>>(static_cast<const double *>(base) + at, stride, n, out);
  default: die("a tensor of type %d in a plan", type);
  }
}

void storeRow(int type, const float *in, int64_t n, void *base, int64_t at, int64_t stride) {
  switch (type) {
  case kFloat: return narrow<float, same>(in, n, static_cast<float *>(base) + at, stride);
  case kHalf: return narrow<uint16_t, toF16>(in, n, static_cast<uint16_t *>(base) + at, stride);
  case kBfloat16:
    return narrow<uint16_t, toBf16>(in, n, static_cast<uint16_t *>(base) + at, stride);
  case kInt8: return narrow<int8_t, whole<int8_t>>(in, n, static_cast<int8_t *>(base) + at, stride);
  case kUint8:
    return narrow<uint8_t, whole<uint8_t>>(in, n, static_cast<uint8_t *>(base) + at, stride);
  case kBoolean: return narrowBits(in, n, static_cast<uint8_t *>(base), at, stride);
  case kInt32:
    return narrow<int32_t, whole<int32_t>>(in, n, static_cast<int32_t *>(base) + at, stride);
  case kInt64:
    return narrow<int64_t, whole<int64_t>>(in, n, static_cast<int64_t *>(base) + at, stride);
  case kDouble:
    return narrow<double, whole<double>>(in, n, static_cast<double *>(base) + at, stride);
  default: die("a tensor of type %d in a plan", type);
  }
}

// rows calls f(place in the buffer, place in the tensor) for every row of channels, in the buffer's
// order.
template <class F> void rows(const Tensor &t, F f) {
  size_t rank = t.dims.size();
  std::vector<size_t> outer;
  for (size_t i = 0; i < rank; i++)
    if (i != 1) outer.push_back(i);
  if (rank == 1) outer.clear();
  int64_t n = rank == 1 ? t.dims[0] : t.dims[1], total = t.count() / n;
  std::vector<int64_t> at(outer.size(), 0);
  int64_t place = 0;
  for (int64_t i = 0; i < total; i++) {
    f(i * n, place);
    for (size_t d = outer.size(); d-- > 0;) {
      place += t.strides[outer[d]];
      if (++at[d] < t.dims[outer[d]]) break;
      place -= t.dims[outer[d]] * t.strides[outer[d]];
      at[d] = 0;
    }
  }
}

}  // namespace

std::vector<int64_t> denseStrides(const std::vector<int64_t> &dims) {
  size_t rank = dims.size();
  std::vector<int64_t> s(rank);
  if (rank == 1) return {1};
  int64_t step = dims[1];
  s[1] = 1;
  for (size_t i = rank; i-- > 0;)
    if (i != 1) s[i] = step, step *= dims[i];
  return s;
}

Buffer load(const Tensor &t, const void *p) {
  Buffer b{t.dims, std::vector<float>(size_t(t.count()))};
  bool one = t.dims.size() == 1;
  int64_t n = one ? t.dims[0] : t.dims[1], step = one ? t.strides[0] : t.strides[1];
  rows(t, [&](int64_t i, int64_t at) { loadRow(t.type, p, at, step, n, b.v.data() + i); });
  return b;
}

void store(const Buffer &b, const Tensor &t, void *p) {
  bool one = t.dims.size() == 1;
  int64_t n = one ? t.dims[0] : t.dims[1], step = one ? t.strides[0] : t.strides[1];
  rows(t, [&](int64_t i, int64_t at) { storeRow(t.type, b.v.data() + i, n, p, at, step); });
}

void roundTo(Buffer &b, int type) {
  if (type == kFloat || type == kDouble) return;
  for (auto &f : b.v) f = rounded(f, type);
}

}  // namespace dnn
