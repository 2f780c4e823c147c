/* Opening a shared library and filling its table. */
#ifndef SK_LOAD_FILL_H
#define SK_LOAD_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* Opens path (a file, or a bare name that the loader looks up). On failure returns 0 and the reason
   in why. */
uintptr_t sk_open(const char *path, int global, char *why, size_t len);
void sk_close(uintptr_t handle);

/* Writes to path the file of a handle; returns 0 if the loader does not give it. */
int sk_path(uintptr_t handle, char *path, size_t len);

/* Looks up every symbol of the library. If all required ones are there, fills the table and returns
   0. Otherwise leaves the table alone, writes the missing names to missing, separated by blanks,
   and returns their number. */
int sk_fill(uintptr_t handle, const sk_library *lib, char *missing, size_t len);

extern const sk_library sk_cuda_library;
extern const sk_library sk_cudnn_library;
extern const sk_library sk_cupti_library;
extern const sk_library sk_nccl_library;
extern const sk_library sk_nvrtc_library;

#endif
