#include "races.h"

#include <cstring>

#include "run.h"

namespace emu {
namespace {

std::string name(const Worker &w, unsigned t) {
  const unsigned *n = w.launch->work->block;
  return "thread (" + std::to_string(t % n[0]) + "," + std::to_string(t / n[0] % n[1]) + "," +
         std::to_string(t / n[0] / n[1]) + ")";
}

const char *word(bool atomic, bool write) {
  return atomic ? "changes" : write ? "writes" : "reads";
}

}  // namespace

void Races::begin(Worker &w, unsigned long blocks) {
  const size_t n = (w.launch->function->module->shared + w.launch->work->dynamic) * blocks;
  if (bytes.size() < n) bytes.resize(n);
  barrier();
  again = nullptr;
}

bool Races::touch(Worker &w, uintptr_t a, unsigned long n, int how) {
  const auto &fixed = w.block.near[SK_EMU_STATIC], &dynamic = w.block.near[SK_EMU_DYNAMIC];
  size_t at = w.base / w.group * (fixed.size + dynamic.size);
  if (a - fixed.lo < fixed.size)
    at += a - fixed.lo;
  else if (a - dynamic.lo < dynamic.size)
    at += fixed.size + (a - dynamic.lo);
  else
    return false;
  const auto &b = w.block;
  const auto t = uint16_t(b.tid[0] + b.bdim[0] * (b.tid[1] + b.bdim[1] * b.tid[2]));
  const bool atomic = how == SK_EMU_ATOMIC, write = how != SK_EMU_READ;
  const Touch now{epoch, turn[t / 32], t, atomic};
  // Whether the access of other is not ordered before the access of this thread.
  auto loose = [&](const Touch &other) {
    return other.epoch == epoch && other.thread != t && !(other.atomic && atomic) &&
           (other.thread / 32 != t / 32 || other.turn == now.turn);
  };
  auto say = [&](const Touch &other, bool wrote) {
    w.launch->fail(CUDA_ERROR_LAUNCH_FAILED,
                   place(w) + ": race: " + word(atomic, write) + " " + std::to_string(n) +
                       " bytes of shared memory, byte " +
                       std::to_string(a - fixed.lo < fixed.size ? a - fixed.lo : a - dynamic.lo) +
                       " of the " + (a - fixed.lo < fixed.size ? "static" : "dynamic") +
                       " part, that " + name(w, other.thread) + " " + word(other.atomic, wrote) +
                       " with no barrier in between");
    return true;
  };
  for (size_t i = at; i < at + n && i < bytes.size(); i++) {
    Byte &s = bytes[i];
    if (loose(s.write)) {
      if (!write || atomic || s.write.atomic) return say(s.write, true);
      again = reinterpret_cast<const unsigned char *>(a);
      again_bytes = unsigned(n < sizeof before ? n : sizeof before);
      memcpy(before, again, again_bytes);
      first = s.write.thread, second = t;
    }
    if (write) {
      for (const Touch &r : s.read)
        if (loose(r)) return say(r, false);
      s.write = now;
    } else if (s.read[0].epoch != epoch || s.read[0].thread == t) {
      s.read[0] = now;
    } else {
      s.read[1] = now;
    }
  }
  return false;
}

bool Races::settle(Worker &w) {
  if (!again) return false;
  const bool changed = memcmp(again, before, again_bytes) != 0;
  again = nullptr;
  if (changed)
    w.launch->fail(
        CUDA_ERROR_LAUNCH_FAILED,
        "kernel " + w.launch->function->name + ", block (" + std::to_string(w.block.bid[0]) + "," +
            std::to_string(w.block.bid[1]) + "," + std::to_string(w.block.bid[2]) +
            "): race: " + name(w, first) + " and " + name(w, second) +
            " write different values to the same shared memory with no barrier in between");
  return changed;
}

}  // namespace emu
