// The storage types and their rounding: round to nearest, ties to even, as the card's conversions
// do.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "abi.h"

namespace dnn {

inline uint32_t bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return u;
}
inline float fromBits(uint32_t u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}

inline float fromBf16(uint16_t h) { return fromBits(uint32_t(h) << 16); }
inline uint16_t toBf16(float f) {
  uint32_t u = bits(f);
  if ((u & 0x7fffffff) > 0x7f800000) return 0x7fff;  // cvt.rn.bf16 has a single NaN
  return uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

// fromF16 widens by shifting the exponent into place and scaling by 2^112, which makes subnormals
// come out right; infinities and NaNs are patched.
inline float fromF16(uint16_t h) {
  uint32_t m = uint32_t(h & 0x7fff) << 13;
  float f = fromBits(m) * fromBits(0x77800000);
  uint32_t u = (m >= 0x0f800000) ? (m | 0x7f800000) : bits(f);
  return fromBits(u | uint32_t(h & 0x8000) << 16);
}
inline uint16_t toF16(float f) {
  uint32_t u = bits(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) return 0x7fff;
  if (a >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65520 and above round to infinity
  // Below 2^-14: the addition of 2^-1 (ulp 2^-24) rounds.
  if (a < 0x38800000) {
    float r = fromBits(a) + 0.5f;
    return uint16_t(sign | (bits(r) - 0x3f000000));
  }
  return uint16_t(sign | ((a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13));
}

// toTf32 keeps 10 bits of mantissa, ties away from zero (cvt.rna.tf32): a float as a tensor core
// reads it.
inline float toTf32(float f) {
  uint32_t u = bits(f);
  if ((u & 0x7f800000) == 0x7f800000) return f;
  return fromBits((u + 0x1000) & 0xffffe000);
}

// size is the bytes of an element, 0 for an unknown type.
inline int64_t size(int type) {
  switch (type) {
  case abi::kDouble:
  case abi::kInt64: return 8;
  case abi::kFloat:
  case abi::kInt32:
  case abi::kInt8x4:
  case abi::kUint8x4: return 4;
  case abi::kHalf:
  case abi::kBfloat16: return 2;
  case abi::kInt8:
  case abi::kUint8:
  case abi::kBoolean:
  case abi::kFp8E4M3:
  case abi::kFp8E5M2: return 1;
  case abi::kInt8x32: return 32;
  default: return type >= 0 && type <= abi::kLastDataType ? 1 : 0;
  }
}
inline const char *typeName(int type) {
  switch (type) {
  case abi::kFloat: return "float";
  case abi::kDouble: return "double";
  case abi::kHalf: return "half";
  case abi::kBfloat16: return "bfloat16";
  case abi::kInt8: return "int8";
  case abi::kInt32: return "int32";
  case abi::kInt64: return "int64";
  case abi::kUint8: return "uint8";
  case abi::kBoolean: return "boolean";
  default: return "other";
  }
}
inline bool is16(int type) { return type == abi::kHalf || type == abi::kBfloat16; }
inline bool isFloating(int type) { return type == abi::kFloat || is16(type); }

// rounded is f in the precision of a tensor of that type.
inline float rounded(float f, int type) {
  switch (type) {
  case abi::kHalf: return fromF16(toF16(f));
  case abi::kBfloat16: return fromBf16(toBf16(f));
  case abi::kInt8: return fminf(fmaxf(rintf(f), -128), 127);
  case abi::kUint8: return fminf(fmaxf(rintf(f), 0), 255);
  case abi::kBoolean: return f != 0;
  case abi::kInt32:
  case abi::kInt64: return truncf(f);
  default: return f;
  }
}

}  // namespace dnn
