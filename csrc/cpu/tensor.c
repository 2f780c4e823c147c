// tensor.c: memory for tensors.
#define _GNU_SOURCE
#include "tensor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *sk_aligned(int64_t size) {
  size = (size + 63) & ~(int64_t)63;
  void *p = NULL;
  if (posix_memalign(&p, 64, size ? size : 64)) {
    fprintf(stderr, "cpu: out of memory allocating %lld bytes\n", (long long)size);
    abort();
  }
  return memset(p, 0, size);
}

void *sk_map(int64_t size) {
  void *p = sk_try_map(size);
  if (!p) {
    fprintf(stderr, "cpu: out of memory mapping %lld bytes; use a smaller batch\n",
            (long long)size);
    abort();
  }
  return p;
}

#if defined(__SANITIZE_ADDRESS__)
// From the heap, so that the sanitizer guards the ends.
void *sk_try_map(int64_t size) { return sk_aligned(size); }

void sk_unmap(void *p, int64_t size) {
  (void)size;
  free(p);
}
#else
void *sk_try_map(int64_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
  madvise(p, size, MADV_HUGEPAGE);  // advice: a refusal costs speed only
#endif
  return p;
}

void sk_unmap(void *p, int64_t size) {
  if (p) munmap(p, size);
}
#endif
