#include "backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

uintptr_t sk_thread(void) { return (uintptr_t)pthread_self(); }

sk_plan *sk_plan_new(const sk_handle *h, uintptr_t plan, int32_t nbound, int32_t nids,
                     int32_t nscalars) {
  size_t ids = (size_t)nids, bound = (size_t)nbound + 1;
  sk_plan *p =
      calloc(1, sizeof *p + ids * (8 + 8 + 4) + bound * (8 + 8 + 8) + (size_t)nscalars * 4 + 8);
  if (!p) return NULL;
  p->h = h;
  p->plan = (cudnnBackendDescriptor_t)plan;
  p->nbound = nbound;
  p->nids = nids;
  p->ids = (int64_t *)(p + 1);
  p->pointers = (void **)(p->ids + ids);
  p->align = (uint64_t *)(p->pointers + ids);
  p->bound = p->align + bound;
  p->packed = p->bound + bound;
  p->source = (int32_t *)(p->packed + bound);
  p->scalars = (float *)(p->source + ids);
  return p;
}

void sk_plan_free(sk_plan *p) {
  if (!p) return;
  if (p->pack) p->h->lib->cudnnBackendDestroyDescriptor(p->pack);
  p->h->lib->cudnnBackendDestroyDescriptor(p->plan);
  free(p);
}

/* A finalized variant pack cannot be changed, so other pointers mean another pack. */
static int repack(sk_plan *p) {
  const sk_cudnn_table *lib = p->h->lib;
  if (p->pack) {
    lib->cudnnBackendDestroyDescriptor(p->pack);
    p->pack = NULL;
  }
  for (int i = 0; i < p->nbound; i++)
    if (!p->bound[i] || p->bound[i] % p->align[i]) return SK_RUN_POINTER - i;
  void *workspace = (void *)(uintptr_t)p->bound[p->nbound];
  if (p->align[p->nbound] && (!workspace || (uintptr_t)workspace % p->align[p->nbound]))
    return SK_RUN_POINTER - p->nbound;
  for (int i = 0; i < p->nids; i++) {
    int s = p->source[i];
    p->pointers[i] = s < 0 ? (void *)&p->scalars[-1 - s] : (void *)(uintptr_t)p->bound[s];
  }
  cudnnBackendDescriptor_t pack = NULL;
  int status = lib->cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
  if (status) return status;
  if (!(status = lib->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                               CUDNN_TYPE_INT64, p->nids, p->ids)) &&
      !(status = lib->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                               CUDNN_TYPE_VOID_PTR, p->nids, p->pointers)) &&
      !(status = lib->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                               CUDNN_TYPE_VOID_PTR, 1, &workspace)))
    status = lib->cudnnBackendFinalize(pack);
  if (status) {
    lib->cudnnBackendDestroyDescriptor(pack);
    return status;
  }
  p->pack = pack;
  memcpy(p->packed, p->bound, ((size_t)p->nbound + 1) * sizeof *p->bound);
  return 0;
}

int sk_run(uintptr_t plan) {
  sk_plan *p = (sk_plan *)plan;
  if (p->h->thread != (uintptr_t)pthread_self()) return SK_RUN_THREAD;
  if (!p->pack || memcmp(p->packed, p->bound, ((size_t)p->nbound + 1) * sizeof *p->bound)) {
    int status = repack(p);
    if (status) return status;
  }
  return p->h->lib->cudnnBackendExecute(p->h->handle, p->plan, p->pack);
}
