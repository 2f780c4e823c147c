// Memory that cards reach: their own, and pinned memory of the host. New memory is poisoned: every
// byte is 0xff, so that floats of any size are NaN.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "../../load/cuda.h"

namespace emu {

struct Context;

constexpr int kPoison = 0xff;

namespace memory {

enum Where { kDevice, kPinned, kVariable };  // kVariable: of a module; not counted

struct Block {
  uintptr_t lo, size;
  Where where;
  const Context *context;
  int device;
};

CUresult allocate(Context *c, size_t bytes, Where where, uintptr_t *out);
CUresult release(uintptr_t p, Where where);
void release(const Context *c);                     // all blocks of a context
void adopt(Context *c, uintptr_t p, size_t bytes);  // a variable of a module
void disown(uintptr_t lo, uintptr_t hi);            // the variables of a module

// The live block that holds all of p .. p+bytes-1. Any thread may call it at any time.
bool find(uintptr_t p, size_t bytes, Block *out);

size_t used(int device);
std::string nearest(uintptr_t p);  // the position of p, in words

}  // namespace memory

size_t card_memory(int card);

}  // namespace emu
