/* Opening a shared library and filling its table. */
#ifndef SK_LOAD_FILL_H
#define SK_LOAD_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* Opens path (a file, or a bare name that the loader looks up). Returns 0 and a text in why if it cannot. */
uintptr_t sk_open(const char *path, int global, char *why, size_t len);
void sk_close(uintptr_t handle);

/* Writes the file that a handle stands for to path; returns 0 if the loader does not say. */
int sk_path(uintptr_t handle, char *path, size_t len);

/* Looks every symbol of the library up. If all required ones are there, fills the table and returns 0; else leaves it alone, writes the
   names that are missing to missing, separated by blanks, and returns their number. */
int sk_fill(uintptr_t handle, const sk_library *lib, char *missing, size_t len);

extern const sk_library sk_cuda_library;
extern const sk_library sk_cudnn_library;
extern const sk_library sk_nvrtc_library;

#endif
