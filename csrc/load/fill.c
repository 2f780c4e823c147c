#define _GNU_SOURCE
#include "fill.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <link.h>
#endif

uintptr_t sk_open(const char *path, int global, char *why, size_t len) {
  dlerror();
  void *handle = dlopen(path, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!handle) {
    const char *e = dlerror();
    snprintf(why, len, "%s", e ? e : "the loader gives no reason");
  }
  return (uintptr_t)handle;
}

void sk_close(uintptr_t handle) { dlclose((void *)handle); }

int sk_path(uintptr_t handle, char *path, size_t len) {
#ifdef __linux__
  struct link_map *map;
  if (dlinfo((void *)handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name && map->l_name[0]) {
    snprintf(path, len, "%s", map->l_name);
    return 1;
  }
#endif
  (void)handle, (void)path, (void)len;
  return 0;
}

int sk_fill(uintptr_t handle, const sk_library *lib, char *missing, size_t len) {
  int n = 0;
  size_t used = 0;
  for (int i = 0; i < lib->n; i++) {
    const sk_symbol *s = &lib->symbols[i];
    if (s->required && !dlsym((void *)handle, s->name)) {
      n++;
      if (used < len)
        used += (size_t)snprintf(missing + used, len - used, "%s%s", used ? " " : "", s->name);
    }
  }
  if (n) return n;
  for (int i = 0; i < lib->n; i++) lib->table[i] = dlsym((void *)handle, lib->symbols[i].name);
  return 0;
}
