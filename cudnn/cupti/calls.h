/* The calls of this package, through the table of csrc/load, and the buffers that the library
   fills. */
#ifndef SHAKE_CUDNN_CUPTI_CALLS_H
#define SHAKE_CUDNN_CUPTI_CALLS_H

#include <stdint.h>

#include "../../csrc/load/cupti.h"

/* A record of a kernel, or of the number that was pushed for a call. */
typedef struct {
  int external; /* 1: correlation and id alone */
  uint64_t start, end, id, node;
  uint32_t device, stream, correlation, graph;
  int32_t grid[3], block[3], shared;
  char *name; /* the receiver frees it */
} sk_cupti_item;

void sk_cupti_use(uintptr_t table);
int sk_cupti_start(void);
int sk_cupti_push(uint64_t id);
int sk_cupti_pop(void);
/* Has the library hand over everything and stop. */
int sk_cupti_stop(void);
/* The next item of the full buffers: 1, 0 at the end, or -1 where a buffer is damaged. */
int sk_cupti_next(sk_cupti_item *item);
/* Buffers for which there was no memory. */
long sk_cupti_lost(void);
const char *sk_cupti_text(int result);

#endif
