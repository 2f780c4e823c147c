// The arithmetic of collective calls, chunk by chunk. A result is combined in the order of the
// ranks, in the array's own type: each rank computes all of it, so all have the same bits.
#include <cstdio>
#include <cstring>

#include "../cudnn/numbers.h"
#include "state.h"

namespace ncl {
namespace {

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};
template <class T> double up(T x) { return double(x); }
float up(float x) { return x; }
float up(Half x) { return dnn::fromF16(x.bits); }
float up(Brain x) { return dnn::fromBf16(x.bits); }
template <class T> struct Down {
  template <class X> static T of(X x) { return T(x); }
};
template <> struct Down<Half> {
  static Half of(float x) { return {dnn::toF16(x)}; }
};
template <> struct Down<Brain> {
  static Brain of(float x) { return {dnn::toBf16(x)}; }
};

template <class T, class X> X combine(int op, X a, X b) {
  switch (op) {
  case ncclProd: return a * b;
  case ncclMax: return a > b || a != a ? a : b;
  case ncclMin: return a < b || a != a ? a : b;
  default: return a + b;
  }
}

// Integers of 64 bits do not fit a float64.
template <class T> T both(int op, T a, T b) {
  if constexpr (std::is_integral<T>::value)
    return T(combine<T, T>(op, a, b));
  else
    return Down<T>::of(combine<T>(op, up(a), up(b)));
}

template <class T> void reduce(Comm &c, const Call &call, size_t n, void *out) {
  for (size_t i = 0; i < n; i++) {
    T x;
    memcpy(&x, c.shared->data(0) + i * sizeof(T), sizeof x);
    for (int r = 1; r < c.world; r++) {
      T y;
      memcpy(&y, c.shared->data(r) + i * sizeof(T), sizeof y);
      x = both<T>(call.op, x, y);
    }
    if (call.op == ncclAvg) {
      if constexpr (std::is_integral<T>::value)
        x = T(x / T(c.world));
      else
        x = Down<T>::of(up(x) / float(c.world));
    }
    memcpy(static_cast<char *>(out) + i * sizeof(T), &x, sizeof x);
  }
}

void reduce(Comm &c, const Call &call, size_t n, void *out) {
  switch (call.type) {
  case ncclInt8: return reduce<int8_t>(c, call, n, out);
  case ncclUint8: return reduce<uint8_t>(c, call, n, out);
  case ncclInt32: return reduce<int32_t>(c, call, n, out);
  case ncclUint32: return reduce<uint32_t>(c, call, n, out);
  case ncclInt64: return reduce<int64_t>(c, call, n, out);
  case ncclUint64: return reduce<uint64_t>(c, call, n, out);
  case ncclFloat16: return reduce<Half>(c, call, n, out);
  case ncclFloat32: return reduce<float>(c, call, n, out);
  case ncclFloat64: return reduce<double>(c, call, n, out);
  case ncclBfloat16: return reduce<Brain>(c, call, n, out);
  }
}

// A call that another rank makes otherwise ends in wrong data or never, on cards. Here the work
// fails.
bool alike(Comm &c, const Call &call) {
  for (int r = 0; r < c.world; r++)
    if (!(c.shared->seats[r].call == call)) {
      const Call &o = c.shared->seats[r].call;
      char text[200];
      snprintf(text, sizeof text,
               "libnccl: rank %d runs call %d of %llu elements of type %d, rank %d call %d of %llu "
               "of type %d",
               c.rank, int(call.kind), (unsigned long long)call.count, call.type, r, int(o.kind),
               (unsigned long long)o.count, o.type);
      c.fail(ncclInvalidUsage, text);
      driver().log(text);
      return false;
    }
  return true;
}

}  // namespace

size_t size_of(int type) {
  static const size_t sizes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
  return type >= 0 && type < 10 ? sizes[type] : 0;
}

void run(Comm &c, const Call &call, const void *send, void *recv) {
  std::lock_guard<std::mutex> lock(c.running);
  const size_t size = size_of(call.type), step = kChunk / size;
  Seat &own = c.shared->seats[c.rank];
  const bool sends = call.kind != Call::kBroadcast || call.root == c.rank;
  const size_t all = call.count * size,
               received = call.kind == Call::kAllGather ? all * size_t(c.world) : all;
  if (all && ((sends && !driver().check(send, all, 0)) || !driver().check(recv, received, 1))) {
    driver().log("libnccl: an array is no longer in one live allocation");
    return driver().fail(700);
  }
  size_t at = 0;
  do {
    const size_t n = call.count - at < step ? call.count - at : step;
    const uint64_t round = c.round + 1;
    if (!await(c, &Seat::left, c.round)) return;
    if (n && sends)
      memcpy(c.shared->data(c.rank), static_cast<const char *>(send) + at * size, n * size);
    own.call = call;
    own.arrived.store(round, std::memory_order_release);
    if (!await(c, &Seat::arrived, round)) return;
    if (!alike(c, call)) return driver().fail(719);
    if (n && call.kind == Call::kAllReduce)
      reduce(c, call, n, static_cast<char *>(recv) + at * size);
    if (n && call.kind == Call::kBroadcast)
      memcpy(static_cast<char *>(recv) + at * size, c.shared->data(call.root), n * size);
    if (n && call.kind == Call::kAllGather)
      for (int r = 0; r < c.world; r++)
        memcpy(static_cast<char *>(recv) + (size_t(r) * call.count + at) * size, c.shared->data(r),
               n * size);
    own.left.store(round, std::memory_order_release);
    c.round = round, at += n;
  } while (at < call.count);
}

}  // namespace ncl
