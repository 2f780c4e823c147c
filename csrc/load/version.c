#include "version.h"

#include <dlfcn.h>
#include <stddef.h>

int sk_version(uintptr_t handle, const char *name, int kind, int v[2]) {
  union {
    void *symbol;
    size_t (*plain)(void);
    int (*one)(int *);
    int (*two)(int *, int *);
  } f = {dlsym((void *)handle, name)};
  if (!f.symbol) return -1;
  switch (kind) {
  case 1: v[0] = (int)f.plain(); return 0;
  case 2: return f.one(&v[0]) ? -1 : 0;
  case 3: return f.two(&v[0], &v[1]) ? -1 : 0;
  }
  return -1;
}
