// The connection to the emulated driver, in the process or beside this library, and the settings.
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "state.h"

namespace ncl {

template <class F> static void look(F &f, void *so, const char *name) {
  if (so) f = reinterpret_cast<F>(dlsym(so, name));
}

Driver::Driver() {
  void *so = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  Dl_info info;
  if (!so && dladdr(reinterpret_cast<void *>(&setting), &info) && info.dli_fname) {
    const std::string path = info.dli_fname;
    so = dlopen((path.substr(0, path.rfind('/') + 1) + "libcuda.so.1").c_str(), RTLD_NOW);
  }
  look(enqueue, so, "sk_emu_enqueue"), look(check, so, "sk_emu_check");
  look(fail, so, "sk_emu_fail"), look(log, so, "sk_emu_log");
  look(current, so, "cuCtxGetCurrent"), look(set, so, "cuCtxSetCurrent");
  look(device, so, "cuCtxGetDevice"), look(bus, so, "cuDeviceGetPCIBusId");
  look(capturing, so, "cuStreamIsCapturing"), look(synchronize, so, "cuStreamSynchronize");
}

Driver &driver() {
  static Driver d;
  return d;
}

long setting(const char *key, long otherwise) {
  const char *all = getenv("SHAKE_EMU_NCCL");
  const size_t n = strlen(key);
  for (const char *p = all; p && *p; p = strchr(p, ';') ? strchr(p, ';') + 1 : nullptr) {
    while (*p == ' ') p++;
    if (!strncmp(p, key, n) && p[n] == '=') return strtol(p + n + 1, nullptr, 10);
  }
  return otherwise;
}

}  // namespace ncl
