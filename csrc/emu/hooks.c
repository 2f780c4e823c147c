#include "hooks.h"

#include <dlfcn.h>
#include <stdio.h>

static long (*count)(const char *);
static void (*reset)(void);
static void (*set)(const char *);
static size_t (*message)(char *, size_t);

int sk_hooks_open(const char *path, char *why, size_t len) {
  void *lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!lib) {
    const char *e = dlerror();
    snprintf(why, len, "%s", e ? e : "it cannot be opened");
    return 1;
  }
  *(void **)&count = dlsym(lib, "sk_emu_count");
  *(void **)&reset = dlsym(lib, "sk_emu_reset_counts");
  *(void **)&set = dlsym(lib, "sk_emu_set");
  *(void **)&message = dlsym(lib, "sk_emu_message");
  if (count && reset && set && message) return 0;
  snprintf(why, len, "%s is not the emulator's", path);
  return 1;
}

long sk_hooks_count(const char *what) { return count(what); }
void sk_hooks_reset(void) { reset(); }
void sk_hooks_set(const char *settings) { set(settings); }
size_t sk_hooks_message(char *text, size_t len) { return message(text, len); }
