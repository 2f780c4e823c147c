// Failures inside the library: thrown at the fault, turned into a status and the thread's last
// message at the API's edge.
#pragma once
#include <cstdarg>
#include <string>

#include "abi.h"

// Only the library's own functions, between these two, are visible.
#define SK_EXPORTS _Pragma("GCC visibility push(default)") extern "C" {
#define SK_EXPORTS_END \
  }                    \
  _Pragma("GCC visibility pop")

namespace dnn {

struct Failure {
  int status;
  std::string why;
};

std::string format(const char *f, ...) __attribute__((format(printf, 1, 2)));

// refuse throws a Failure.
[[noreturn]] void refuse(int status, const char *f, ...) __attribute__((format(printf, 2, 3)));

// die is for faults that end the process in the real library too (a freed descriptor, an unknown
// data type). It writes the reason to stderr and aborts, so that no test passes over it.
[[noreturn]] void die(const char *f, ...) __attribute__((format(printf, 1, 2)));

void setLastError(const std::string &text);

// guarded runs f and returns its failure's status, or success; the message is kept for
// cudnnGetLastErrorString.
template <class F> int guarded(const char *call, F f) {
  try {
    f();
    return abi::kSuccess;
  } catch (const Failure &x) {
    setLastError(std::string(call) + ": " + x.why);
    return x.status;
  } catch (const std::bad_alloc &) {
    setLastError(std::string(call) + ": out of host memory");
    return abi::kHostAllocationFailed;
  }
}

}  // namespace dnn
