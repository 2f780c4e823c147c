// Tensor cores, matrices out of shared memory, and asynchronous copies to shared memory.
//
// A product of two numbers of 16 bits is exact. The 16 products of a sum and the accumulator are
// added in float64, in the order of k, and rounded to float32 once. A card's order and guard bits
// for these sums are documented nowhere: its sum differs from this one by some units of the last
// place of its largest term.
#include <cmath>
#include <cstring>

#include "memory.h"
#include "run.h"
#include "state.h"

using namespace emu;

namespace {

// The 32-bit addresses of shared memory. 0 is not an address. There is room behind each part, so
// that an access past one part does not land in the other.
constexpr unsigned kStatic = 1 << 10, kDynamic = 1 << 19;

double f16(unsigned h) {
  const int e = int(h >> 10 & 31), m = int(h & 0x3ff);
  const double v = e == 31 ? (m ? NAN : INFINITY)
                   : e     ? std::ldexp(1024 + m, e - 25)
                           : std::ldexp(m, -24);
  return h & 0x8000 ? -v : v;
}

double bf16(unsigned h) {
  const unsigned u = h << 16;
  float f;
  memcpy(&f, &u, sizeof f);
  return double(f);
}

double half(unsigned pair, unsigned i, bool bf) {
  const unsigned h = pair >> 16 * i & 0xffff;
  return bf ? bf16(h) : f16(h);
}

// d[16][8] += a[16][16] * b[16][8]. Lane l holds, in pairs: of a, rows l/4 and l/4+8 of columns
// 2(l%4).. and 2(l%4)+8..; of b, rows 2(l%4).. and 2(l%4)+8.. of column l/4; of d, columns 2(l%4)..
// of rows l/4 and l/4+8.
void multiply(const Thread *lane, bool bf) {
  double a[16][16], b[8][16];
  for (unsigned l = 0; l < 32; l++) {
    const unsigned row = l / 4, pair = l % 4 * 2;
    for (unsigned i = 0; i < 2; i++) {
      for (unsigned r = 0; r < 4; r++)
        a[row + r % 2 * 8][pair + r / 2 * 8 + i] = half(lane[l].in[r], i, bf);
      for (unsigned r = 0; r < 2; r++) b[row][pair + r * 8 + i] = half(lane[l].in[4 + r], i, bf);
    }
  }
  for (unsigned l = 0; l < 32; l++)
    for (unsigned i = 0; i < 4; i++) {
      float *d = static_cast<float *>(lane[l].out) + i;
      const double *x = a[l / 4 + i / 2 * 8], *y = b[l % 4 * 2 + i % 2];
      double sum = double(*d);
      for (unsigned k = 0; k < 16; k++) sum += x[k] * y[k];
      *d = float(sum);
    }
}

// Lane l gets row l/4, columns 2(l%4).. of each matrix, or of its transpose. in[0] is the address
// of a lane's row.
void load(const Thread *lane, unsigned matrices, bool trans, unsigned char *const rows[32]) {
  for (unsigned m = 0; m < matrices; m++)
    for (unsigned l = 0; l < 32; l++) {
      unsigned short pair[2];
      for (unsigned i = 0; i < 2; i++) {
        const unsigned row = trans ? l % 4 * 2 + i : l / 4, column = trans ? l / 4 : l % 4 * 2 + i;
        memcpy(&pair[i], rows[m * 8 + row] + 2 * column, 2);
      }
      memcpy(static_cast<unsigned *>(lane[l].out) + m, pair, 4);
    }
}

bool within(const sk_emu_range &r, uintptr_t a, size_t n) {
  return a - r.lo < r.size && n <= r.size - (a - r.lo);
}

// Shared memory at a 32-bit address.
unsigned char *shared_at(Worker &w, unsigned address, unsigned bytes, unsigned alignment,
                         const std::string &who, int line) {
  const auto &fixed = w.block.near[SK_EMU_STATIC], &dynamic = w.block.near[SK_EMU_DYNAMIC];
  const uintptr_t a =
      address < kDynamic ? fixed.lo + address - kStatic : dynamic.lo + address - kDynamic;
  char text[160];
  if (address < kStatic || !within(address < kDynamic ? fixed : dynamic, a, bytes)) {
    snprintf(text, sizeof text,
             "line %d: %s of %u bytes at shared address %#x, outside of the block's %lu bytes of "
             "static and %lu of dynamic shared memory",
             line, who.c_str(), bytes, address, fixed.size, dynamic.size);
    fault(w, CUDA_ERROR_ILLEGAL_ADDRESS, text);
  }
  if (a % alignment) {
    snprintf(text, sizeof text, "line %d: %s at shared address %#x, which is no multiple of %u",
             line, who.c_str(), address, alignment);
    fault(w, CUDA_ERROR_MISALIGNED_ADDRESS, text);
  }
  return reinterpret_cast<unsigned char *>(a);
}

void touch(Worker &w, const void *p, unsigned bytes, int how) {
  if (w.block.watch && (w.races.settle(w) || w.races.touch(w, uintptr_t(p), bytes, how))) abandon();
}

}  // namespace

std::string emu::tensor_name(int op) {
  return op < SK_EMU_MMA_F16    ? "a warp's operation"
         : op < SK_EMU_LDMATRIX ? "mma.sync"
                                : "ldmatrix.sync";
}

void emu::tensor(const Thread *lanes, int op) {
  if (op < SK_EMU_LDMATRIX) return multiply(lanes, op == SK_EMU_MMA_BF16);
  const bool trans = op > SK_EMU_LDMATRIX_TRANS;
  const unsigned matrices = unsigned(op - (trans ? SK_EMU_LDMATRIX_TRANS : SK_EMU_LDMATRIX));
  unsigned char *rows[32];
  for (unsigned l = 0; l < matrices * 8; l++) memcpy(&rows[l], lanes[l].in, sizeof rows[l]);
  load(lanes, matrices, trans, rows);
}

SK_API unsigned sk_emu_shared(const void *p, int line) {
  Worker &w = *worker;
  const auto a = uintptr_t(p);
  const auto &fixed = w.block.near[SK_EMU_STATIC], &dynamic = w.block.near[SK_EMU_DYNAMIC];
  if (a - fixed.lo < fixed.size) return kStatic + unsigned(a - fixed.lo);
  if (a - dynamic.lo < dynamic.size) return kDynamic + unsigned(a - dynamic.lo);
  fault(w, CUDA_ERROR_ILLEGAL_ADDRESS,
        "line " + std::to_string(line) +
            ": __cvta_generic_to_shared of what is not in the block's shared memory");
}

SK_API void sk_emu_mma(int bf, float *sum, const unsigned *ab, int line) {
  meet(*worker, bf ? SK_EMU_MMA_BF16 : SK_EMU_MMA_F16, ab, sum, line, __builtin_return_address(0));
}

SK_API void sk_emu_ldmatrix(int matrices, int trans, unsigned *out, unsigned address, int line) {
  Worker &w = *worker;
  const auto &b = w.block;
  const int lane = int((b.tid[0] + b.bdim[0] * (b.tid[1] + b.bdim[1] * b.tid[2])) % 32);
  unsigned char *row = nullptr;
  if (lane < matrices * 8) {  // the addresses of other lanes are not read
    row = shared_at(w, address, 16, 16, "ldmatrix.sync", line);
    touch(w, row, 16, SK_EMU_READ);
  }
  unsigned in[2];
  memcpy(in, &row, sizeof row);
  meet(w, (trans ? SK_EMU_LDMATRIX_TRANS : SK_EMU_LDMATRIX) + matrices, in, out, line,
       __builtin_return_address(0));
}

// The source of a copy is read at the wait, and the destination is poison until then.
SK_API void sk_emu_cp_async(unsigned bytes, unsigned to, const void *from, unsigned given,
                            int line) {
  Worker &w = *worker;
  unsigned char *p = shared_at(w, to, bytes, bytes, "cp.async", line);
  const auto a = uintptr_t(from);
  const std::string where = "line " + std::to_string(line) + ": cp.async ";
  if (given > bytes)
    fault(w, CUDA_ERROR_ILLEGAL_INSTRUCTION,
          where + "is given " + std::to_string(given) + " of " + std::to_string(bytes) + " bytes");
  if (a % bytes)
    fault(w, CUDA_ERROR_MISALIGNED_ADDRESS,
          where + "from an address that is no multiple of " + std::to_string(bytes));
  for (int part : {SK_EMU_STATIC, SK_EMU_DYNAMIC, SK_EMU_STACK})
    if (given && a - w.block.near[part].lo < w.block.near[part].size)
      fault(w, CUDA_ERROR_ILLEGAL_ADDRESS, where + "from memory that is not global");
  if (given) sk_emu_access(from, given, SK_EMU_READ);
  touch(w, p, bytes, SK_EMU_WRITE);
  memset(p, kPoison, bytes);
  Thread &f = *w.running;
  f.copies.push_back({p, static_cast<const unsigned char *>(from), bytes, given, f.groups});
}

SK_API void sk_emu_cp_async_commit(void) { worker->running->groups++; }

// All groups but the last so many arrive; with -1 the open group arrives too.
SK_API void sk_emu_cp_async_wait(int but) {
  Worker &w = *worker;
  Thread &f = *w.running;
  size_t n = 0;
  for (; n < f.copies.size(); n++) {
    const Thread::Copy &c = f.copies[n];
    if (but >= 0 && c.group + unsigned(but) >= f.groups) break;
    if (c.given) sk_emu_access(c.from, c.given, SK_EMU_READ);
    touch(w, c.to, c.bytes, SK_EMU_WRITE);
    memcpy(c.to, c.from, c.given);
    memset(c.to + c.given, 0, c.bytes - c.given);
  }
  f.copies.erase(f.copies.begin(), f.copies.begin() + long(n));
}
