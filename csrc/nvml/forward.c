// The functions of NVML that go-nvml calls, as forwarders to a library that is opened at run time.
// go-nvml leaves these functions undefined and relies on the loader to bind them late. Two things
// then go wrong. A loader that binds names at the start, which some distributions' compilers ask
// for, rejects the program. A call of a function that an older driver lacks ends the process. With
// the forwarders no name is undefined, and such a call returns NVML_ERROR_FUNCTION_NOT_FOUND. The
// forwarders are hidden, so that the library's own calls cannot land here.
#include "forward.h"

#include <dlfcn.h>
#include <stdio.h>

#include "nvml.h"

static struct {
#define SK_FIELD(name, parameters, arguments) nvmlReturn_t(*name) parameters;
  SK_NVML_FUNCTIONS(SK_FIELD)
  const char *(*nvmlErrorString)(nvmlReturn_t);
} table;

#define SK_FORWARD(name, parameters, arguments)                               \
  nvmlReturn_t name parameters {                                              \
    return table.name ? table.name arguments : NVML_ERROR_FUNCTION_NOT_FOUND; \
  }
SK_NVML_FUNCTIONS(SK_FORWARD)

const char *nvmlErrorString(nvmlReturn_t code) {
  return table.nvmlErrorString ? table.nvmlErrorString(code) : "NVML is not loaded";
}

int sk_nvml_open(const char *path, char *why, int size) {
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!library) {
    snprintf(why, size, "%s", dlerror());
    return -1;
  }
#define SK_BIND(name, parameters, arguments) *(void **)&table.name = dlsym(library, #name);
  SK_NVML_FUNCTIONS(SK_BIND)
  *(void **)&table.nvmlErrorString = dlsym(library, "nvmlErrorString");
  if (!table.nvmlInit_v2) {
    snprintf(why, size, "no nvmlInit_v2 in it");
    return -1;
  }
  return 0;
}
