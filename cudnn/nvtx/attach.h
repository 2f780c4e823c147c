/* The loader's side of NVTX: a tool's library is opened, asks for tables of pointers to functions,
   and writes its own into them. */
#ifndef SHAKE_CUDNN_NVTX_ATTACH_H
#define SHAKE_CUDNN_NVTX_ATTACH_H

#include <stddef.h>
#include <stdint.h>

/* Opens the tool's library at path and has it attach, with a domain of that name. Returns 0, or 1
   with a reason. No other call here may be made before. */
int sk_nvtx_attach(const char *path, const char *domain, char *why, size_t len);

/* Registers a name for ranges; 0: the tool takes none. */
uintptr_t sk_nvtx_register(const char *name);

/* Begins and ends a range of the calling thread. Ranges of a thread nest. */
void sk_nvtx_push(uintptr_t name);
void sk_nvtx_pop(void);

#endif
