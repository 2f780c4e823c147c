/* Calls into cuDNN: the part of the binding that has to be C. Descriptors and addresses travel as
   integers, which cgo passes without a check. */
#ifndef SK_CUDNN_BACKEND_H
#define SK_CUDNN_BACKEND_H

#include <stdint.h>

#include "../csrc/load/cudnn.h"

typedef struct {
  const sk_cudnn_table *lib;
  cudnnHandle_t handle; /* null if there is no card */
  uintptr_t thread;     /* the only thread that may use it */
} sk_handle;

/* The data of a plan's run, laid out once. bound[0..nbound) are the caller's pointers and
   bound[nbound] is the workspace; both are set before a run. */
typedef struct {
  const sk_handle *h;
  cudnnBackendDescriptor_t plan, pack;
  int32_t nbound, nids;
  int64_t *ids; /* of the tensors in the variant pack */
  int32_t
      *source; /* source of each tensor's pointer: an index into bound, or -1-k for scalars[k] */
  uint64_t *align;  /* of each caller's pointer; align[nbound] is 0 if no workspace is needed */
  uint64_t *bound;  /* this run's pointers */
  uint64_t *packed; /* the pointers in pack */
  void **pointers;  /* scratch for pack */
  float *scalars;
} sk_plan;

/* The results of sk_run beside a status: the caller's mistakes. SK_RUN_POINTER - i is pointer i. */
enum { SK_RUN_THREAD = -1, SK_RUN_POINTER = -16 };

sk_plan *sk_plan_new(const sk_handle *h, uintptr_t plan, int32_t nbound, int32_t nids,
                     int32_t nscalars);
void sk_plan_free(sk_plan *p);

/* Runs the plan on the pointers in p->bound. Makes a new variant pack only when they differ from
   the last run's. */
int sk_run(uintptr_t plan);

uintptr_t sk_thread(void);

#endif
