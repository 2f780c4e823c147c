// The common parts of the stand-in: a card, and the checks in front of every reading.
#pragma once

#include <string>

#include "../../nvml/nvml.h"
#include "settings.h"

#define EXPORT extern "C" __attribute__((visibility("default")))
// NEWER marks functions that drivers before R510 lack. With SK_NVML_OLD this library lacks them
// too.
#ifdef SK_NVML_OLD
#define NEWER extern "C" __attribute__((visibility("hidden")))
#else
#define NEWER EXPORT
#endif

struct nvmlDevice_st {
  int card;
  int instance;  // of MIG; -1: the card itself
};

namespace card {

constexpr double GiB = 1073741824.0;
constexpr int maxCards = 16;

inline nvmlReturn_t code(int n) { return nvmlReturn_t(n); }

// check makes the checks at the start of every reading of a card.
nvmlReturn_t check(nvmlDevice_t device, const void *out, const char *field);

// migs is the number of MIG instances of a card.
int migs(int card);

}  // namespace card
