// The stand-in for NCCL: communicators whose ranks are threads of one process, or processes of one
// machine, that meet in shared memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "../../load/nccl.h"

#define SK_API extern "C" __attribute__((visibility("default")))

namespace ncl {

constexpr int kMostRanks = 64;
constexpr size_t kChunk = 256 << 10;  // bytes that a rank shows to the others at a time

// A collective call; all ranks have to make the same one.
struct Call {
  enum Kind : int { kAllReduce, kBroadcast, kAllGather } kind;
  int type, op, root;
  uint64_t count;
  bool operator==(const Call &o) const {
    return kind == o.kind && type == o.type && op == o.op && root == o.root && count == o.count;
  }
};

// One rank in the shared memory. It is zero before the rank comes.
struct Seat {
  std::atomic<int> taken, present, aborted;
  int pid;
  unsigned long long born;  // start of the process, so that a number used again is no life
  char bus[16];             // of the card
  Call call;
  std::atomic<uint64_t> arrived, left;  // rounds
};

struct Segment {
  std::atomic<int> world;
  Seat seats[kMostRanks];
  unsigned char *data(int rank) {
    return reinterpret_cast<unsigned char *>(this) + ((sizeof(Segment) + 4095) & ~size_t(4095)) +
           size_t(rank) * kChunk;
  }
  static size_t bytes(int world) {
    return ((sizeof(Segment) + 4095) & ~size_t(4095)) + size_t(world) * kChunk;
  }
};

struct Comm {
  int rank = 0, world = 0, blocking = 1;
  std::string name;  // of the shared memory
  Segment *shared = nullptr;
  size_t mapped = 0;
  void *context = nullptr;  // CUcontext
  uint64_t round = 0;       // of the running call; calls run one at a time
  std::mutex running;
  std::atomic<int> aborted{0}, error{0}, finalizing{0};
  std::atomic<long long> settled{0};  // the clock's milliseconds until which a group goes on
  std::atomic<long> pending{0};       // calls queued, not captured, and not done
  std::mutex mutex;                   // of the fields below
  std::string message;                // of error
  std::set<void *> streams;           // with calls that were not captured
  ~Comm();
  void fail(int status, const std::string &why);  // the first failure counts
};

// Takes a rank's seat. Returns an ncclResult_t.
int sit(Comm &c, const std::string &name, int world, int rank, std::string *why);
// Whether all ranks sit. A rank that died or gave up is an error of c.
bool complete(Comm &c);
// Waits until every rank's counter, arrived or left, is at least round; false: aborted.
bool await(Comm &c, std::atomic<uint64_t> Seat::*counter, uint64_t round);

size_t size_of(int type);  // 0: no type
// The work of a call on this rank; it meets the others.
void run(Comm &c, const Call &call, const void *send, void *recv);

// The driver, found at run time.
struct Driver {
  int (*enqueue)(void *, void (*)(void *), void *, void (*)(void *)) = nullptr;
  int (*check)(const void *, size_t, int) = nullptr;
  void (*fail)(int) = nullptr;
  void (*log)(const char *) = nullptr;
  int (*current)(void **) = nullptr;
  int (*set)(void *) = nullptr;
  int (*device)(int *) = nullptr;
  int (*bus)(char *, int, int) = nullptr;
  int (*capturing)(void *, int *) = nullptr;
  int (*synchronize)(void *) = nullptr;
  Driver();
};
Driver &driver();

// A setting of SHAKE_EMU_NCCL, "version=21800; init=3": version is the library's, init the status
// of every ncclCommInitRankConfig, and none=1 has it make no communicator; group is the time in
// milliseconds for which communicators that do not block are in progress behind ncclGroupEnd, and
// abort that of ncclCommAbort, which waits for graphs on a card.
long setting(const char *key, long otherwise);

}  // namespace ncl
