#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "hooks.h"
#include "state.h"

namespace emu {
namespace memory {
namespace {

// Freed memory stays mapped for a while, so that its address does not soon belong to another block.
constexpr size_t kKept = 64 << 20;

std::mutex guard;
std::map<uintptr_t, Block> blocks;
std::deque<Block> freed;
size_t kept = 0;
size_t by_device[16];

// A sorted copy for threads that look without the lock. A thread holds the copy in which it looks,
// and an old copy lives until no thread holds it.
using Sorted = std::vector<Block>;
std::shared_ptr<const Sorted> sorted = std::make_shared<Sorted>();
std::atomic<unsigned long> version{0};

void publish() {
  auto s = std::make_shared<Sorted>();
  s->reserve(blocks.size());
  for (auto &b : blocks) s->push_back(b.second);
  sorted = s;
  version++;
}

size_t pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

void give_back(const Block &b) {
  munmap(reinterpret_cast<void *>(b.lo & ~uintptr_t(4095)), pages(b.size + (b.lo & 4095)));
}

void retire(std::map<uintptr_t, Block>::iterator it) {
  const Block b = it->second;
  blocks.erase(it);
  if (b.where == kVariable) return;
  if (b.where == kDevice) by_device[b.device] -= b.size;
  freed.push_back(b);
  kept += b.size;
  while (freed.size() > 1 && (kept > kKept || freed.size() > 1024)) {
    kept -= freed.front().size;
    give_back(freed.front());
    freed.pop_front();
  }
}

}  // namespace

CUresult allocate(Context *c, size_t bytes, Where where, uintptr_t *out) {
  std::lock_guard<std::mutex> lock(guard);
  const size_t total = card_memory(c->device);
  if (where == kDevice && (bytes > total || by_device[c->device] > total - bytes))
    return CUDA_ERROR_OUT_OF_MEMORY;
  void *p = mmap(nullptr, pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  // The block ends at the end of its last page, as far as an alignment of 512 allows: a far access
  // behind it then faults even without checks.
  const uintptr_t lo = uintptr_t(p) + (pages(bytes) - bytes) / 512 * 512;
  memset(reinterpret_cast<void *>(lo), kPoison, bytes);
  blocks[lo] = {lo, bytes, where, c, c->device};
  if (where == kDevice) by_device[c->device] += bytes;
  publish();
  *out = lo;
  return CUDA_SUCCESS;
}

CUresult release(uintptr_t p, Where where) {
  std::lock_guard<std::mutex> lock(guard);
  auto it = blocks.find(p);
  if (it == blocks.end() || it->second.where != where) return CUDA_ERROR_INVALID_VALUE;
  retire(it);
  publish();
  return CUDA_SUCCESS;
}

void release(const Context *c) {
  std::lock_guard<std::mutex> lock(guard);
  for (auto it = blocks.begin(); it != blocks.end();) {
    auto next = std::next(it);
    if (it->second.context == c) retire(it);
    it = next;
  }
  publish();
}

void adopt(Context *c, uintptr_t p, size_t bytes) {
  std::lock_guard<std::mutex> lock(guard);
  blocks[p] = {p, bytes, kVariable, c, c->device};
  publish();
}

void disown(uintptr_t lo, uintptr_t hi) {
  std::lock_guard<std::mutex> lock(guard);
  blocks.erase(blocks.lower_bound(lo), blocks.lower_bound(hi));
  publish();
}

bool find(uintptr_t p, size_t bytes, Block *out) {
  thread_local std::shared_ptr<const Sorted> mine;
  thread_local unsigned long seen = ~0ul;
  if (seen != version.load(std::memory_order_acquire)) {
    std::lock_guard<std::mutex> lock(guard);
    mine = sorted;
    seen = version;
  }
  auto it = std::upper_bound(mine->begin(), mine->end(), p,
                             [](uintptr_t a, const Block &b) { return a < b.lo; });
  if (it == mine->begin()) return false;
  const Block &b = *--it;
  if (p - b.lo >= b.size || bytes > b.size - (p - b.lo)) return false;
  if (out) *out = b;
  return true;
}

size_t used(int device) {
  std::lock_guard<std::mutex> lock(guard);
  return by_device[device];
}

std::string nearest(uintptr_t p) {
  std::lock_guard<std::mutex> lock(guard);
  const Block *best = nullptr;
  bool gone = false;
  uintptr_t distance = ~uintptr_t(0);
  auto look = [&](const Block &b, bool dead) {
    const uintptr_t d = p < b.lo ? b.lo - p : p < b.lo + b.size ? 0 : p - (b.lo + b.size) + 1;
    if (d < distance) distance = d, best = &b, gone = dead;
  };
  for (auto &b : blocks) look(b.second, false);
  for (auto &b : freed) look(b, true);
  if (!best || distance > (1u << 30)) return "far from all memory of the card";
  char text[200], card[32] = "";
  if (best->where != kPinned) snprintf(card, sizeof card, " of card %d", best->device);
  const bool inside = p >= best->lo && p < best->lo + best->size;
  snprintf(text, sizeof text, "%zu bytes %s the %zu bytes of %s%s memory from 0x%zx%s on",
           size_t(inside         ? p - best->lo
                  : p < best->lo ? best->lo - p
                                 : distance - 1),
           inside         ? "from the start of"
           : p < best->lo ? "before"
                          : "behind the end of",
           size_t(best->size), gone ? "freed " : "",
           best->where == kPinned     ? "pinned host"
           : best->where == kVariable ? "a module's"
                                      : "device",
           size_t(best->lo), card);
  return text;
}

}  // namespace memory
}  // namespace emu

SK_API int sk_emu_check(const void *p, size_t bytes, int) {
  return bytes == 0 || emu::memory::find(uintptr_t(p), bytes, nullptr);
}

SK_API size_t sk_emu_live_bytes(void) {
  size_t n = 0;
  for (int d = 0; d < 16; d++) n += emu::memory::used(d);
  return n;
}
