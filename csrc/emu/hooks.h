/* The emulated driver's hooks, looked up in the library that SHAKE_LIBRARY_PATH names (see
   cuda/hooks.h). */
#ifndef SK_EMU_HOOKS_H
#define SK_EMU_HOOKS_H

#include <stddef.h>

/* Returns 0, or 1 with a reason. */
int sk_hooks_open(const char *path, char *why, size_t len);
long sk_hooks_count(const char *what);
void sk_hooks_reset(void);
void sk_hooks_set(const char *settings); /* null: the environment's */
size_t sk_hooks_message(char *text, size_t len);

#endif
