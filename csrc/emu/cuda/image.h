// The image that NVRTC returns as a cubin and the driver loads: this header, then a shared object
// for the host.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../prelude/block.h"

namespace image {

constexpr char kMagic[8] = {'S', 'K', 'E', 'M', 'U', 'B', 'I', 'N'};
// kWaits: its threads may wait for one another. kPortable: it stands for PTX, which later cards
// accept, too.
enum Flags : uint32_t { kWaits = 1, kPortable = 2 };

struct Header {
  char magic[8];
  uint32_t abi, arch, flags, machine;
  uint64_t bytes, sum;  // of the shared object
};

inline uint64_t sum(const void *p, size_t n) {
  uint64_t h = 1469598103934665603ull;
  auto *b = static_cast<const unsigned char *>(p);
  for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 1099511628211ull;
  return h;
}

#if defined(__x86_64__)
constexpr uint32_t kMachine = 62;
#elif defined(__aarch64__)
constexpr uint32_t kMachine = 183;
#else
constexpr uint32_t kMachine = 0;
#endif

}  // namespace image
