/* Asking a library for its version. */
#ifndef SK_LOAD_VERSION_H
#define SK_LOAD_VERSION_H

#include <stdint.h>

/* Calls the function of that name and stores its version numbers in v. A function of kind 1 is
   size_t f(void), of kind 2 int f(int *), of kind 3 int f(int *, int *), where 0 is success.
   Returns 0, or -1 if there is no such function or it fails. */
int sk_version(uintptr_t handle, const char *name, int kind, int v[2]);

#endif
