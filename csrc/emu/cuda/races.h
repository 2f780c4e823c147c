// Races on shared memory: two threads of a block touch the same byte, one of them writes, and no
// operation in between makes one wait for the other. The order in which they happened to run does
// not matter. Atomic operations do not race with each other, nor do writes of the same value.
#pragma once
#include <cstdint>
#include <vector>

namespace emu {

struct Worker;

struct Races {
  // The last write of a byte, and the reads by two different threads since. An epoch is the time
  // between two barriers; turn is the same for a warp.
  struct Touch {
    uint32_t epoch = 0, turn = 0;
    uint16_t thread = 0;
    bool atomic = false;
  };
  struct Byte {
    Touch write, read[2];
  };
  std::vector<Byte> bytes;  // static, then dynamic, for each block that is under way
  uint32_t epoch = 1;
  uint32_t turn[32] = {};

  // A second write without a barrier: it is a race if it changes the value.
  const unsigned char *again = nullptr;
  unsigned char before[16];
  unsigned again_bytes = 0;
  uint16_t first = 0, second = 0;

  void begin(Worker &w, unsigned long blocks);  // a launch
  void barrier() { epoch++; }
  void warp(unsigned number) { turn[number]++; }
  // Records an access of the running thread; returns whether it is a race.
  bool touch(Worker &w, uintptr_t a, unsigned long n, int how);
  // Whether a second write changed the value; called before any other access.
  bool settle(Worker &w);
};

}  // namespace emu
