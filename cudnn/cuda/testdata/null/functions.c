/* A driver that does nothing and says that it worked: every function of the list returns 0, or what the environment variable SK_NULL_<name> says.
   What has to return more stands in objects.c. */
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

int sk_null_status(const char *name) {
  char variable[96] = "SK_NULL_";
  const char *v = getenv(strncat(variable, name, sizeof variable - 9));
  return v ? atoi(v) : 0;
}

#define DEFINE(ret, name, args) \
  __attribute__((weak)) ret name args { return sk_null_status(#name); }
#ifdef SK_NULL_OLD /* a driver before the optional functions */
#define OMIT(ret, name, args)
SK_CUDA_FUNCTIONS(DEFINE, OMIT)
#else
SK_CUDA_FUNCTIONS(DEFINE, DEFINE)
#endif
