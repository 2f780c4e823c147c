// Entry points by name.
#include <dlfcn.h>

#include <string>

#include "state.h"

// Takes the newest version of a function; a name may have its version's suffix or not.
SK_API CUresult cuGetProcAddress_v2(const char *symbol, void **f, int version,
                                    unsigned long long flags, int *status) {
  (void)version, (void)flags;
  if (!symbol || !f) return CUDA_ERROR_INVALID_VALUE;
  static void *self = [] {
    Dl_info info;
    dladdr(reinterpret_cast<void *>(&cuInit), &info);
    return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }();
  *f = nullptr;
  for (const char *ending : {"_v3", "_v2", ""})
    if (!*f) *f = dlsym(self, (std::string(symbol) + ending).c_str());
  if (status) *status = *f ? 0 : 1;
  return *f ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
SK_API CUresult cuGetProcAddress(const char *symbol, void **f, int version,
                                 unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, f, version, flags, nullptr);
}

// Every function that csrc/load/cuda.h declares has to be here; otherwise this library does not
// link.
#define ADDRESS(ret, name, args) reinterpret_cast<void *>(static_cast<ret(*) args>(&name)),
extern "C" void *const sk_emu_all[] = {SK_CUDA_FUNCTIONS(ADDRESS, ADDRESS)};
