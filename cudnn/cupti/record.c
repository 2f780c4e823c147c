#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

static const sk_cupti_table *cupti;

/* Filled buffers, in the order in which the library gave them back. */
typedef struct buffer {
  struct buffer *next;
  uint8_t *bytes;
  size_t valid;
  CUpti_Activity *at; /* the record that was read last */
} buffer;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static buffer *first, **last = &first;
static long lost;

enum { kBytes = 1 << 20 };

static void request(uint8_t **bytes, size_t *size, size_t *most) {
  *most = 0; /* as many records as fit */
  *bytes = aligned_alloc(8, kBytes);
  *size = *bytes ? kBytes : 0;
  if (!*bytes) {
    pthread_mutex_lock(&mutex);
    lost++;
    pthread_mutex_unlock(&mutex);
  }
}

/* Called on a thread of the library. */
static void complete(CUcontext context, uint32_t stream, uint8_t *bytes, size_t size,
                     size_t valid) {
  (void)context, (void)stream, (void)size;
  buffer *b = valid ? malloc(sizeof *b) : NULL;
  if (!b) {
    free(bytes);
    if (valid) {
      pthread_mutex_lock(&mutex);
      lost++;
      pthread_mutex_unlock(&mutex);
    }
    return;
  }
  *b = (buffer){NULL, bytes, valid, NULL};
  pthread_mutex_lock(&mutex);
  *last = b, last = &b->next;
  pthread_mutex_unlock(&mutex);
}

void sk_cupti_use(uintptr_t table) { cupti = (const sk_cupti_table *)table; }

int sk_cupti_start(void) {
  pthread_mutex_lock(&mutex);
  lost = 0;
  pthread_mutex_unlock(&mutex);
  int r = cupti->cuptiActivityRegisterCallbacks(request, complete);
  if (r == CUPTI_SUCCESS) r = cupti->cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  if (r != CUPTI_SUCCESS) return r;
  r = cupti->cuptiActivityEnable(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION);
  if (r != CUPTI_SUCCESS) cupti->cuptiActivityDisable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  return r;
}

int sk_cupti_push(uint64_t id) {
  return cupti->cuptiActivityPushExternalCorrelationId(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, id);
}

int sk_cupti_pop(void) {
  uint64_t id;
  return cupti->cuptiActivityPopExternalCorrelationId(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &id);
}

int sk_cupti_stop(void) {
  int r = cupti->cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  int a = cupti->cuptiActivityDisable(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION);
  int b = cupti->cuptiActivityDisable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  return r ? r : a ? a : b;
}

int sk_cupti_next(sk_cupti_item *item) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    buffer *b = first;
    pthread_mutex_unlock(&mutex);
    if (!b) return 0;
    int r = cupti->cuptiActivityGetNextRecord(b->bytes, b->valid, &b->at);
    if (r != CUPTI_SUCCESS) {
      pthread_mutex_lock(&mutex);
      first = b->next;
      if (!first) last = &first;
      pthread_mutex_unlock(&mutex);
      free(b->bytes);
      free(b);
      if (r != CUPTI_ERROR_MAX_LIMIT_REACHED) return -1; /* which is the end of a buffer */
      continue;
    }
    memset(item, 0, sizeof *item);
    if (b->at->kind == CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION) {
      const CUpti_ActivityExternalCorrelation *e = (const void *)b->at;
      if (e->externalKind != CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0) continue;
      item->external = 1;
      item->id = e->externalId;
      item->correlation = e->correlationId;
      return 1;
    }
    if (b->at->kind != CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) continue;
    const sk_cupti_record *k = (const void *)b->at;
    *item = (sk_cupti_item){0,
                            k->start,
                            k->end,
                            0,
                            k->graphNodeId,
                            k->deviceId,
                            k->streamId,
                            k->correlationId,
                            k->graphId,
                            {k->gridX, k->gridY, k->gridZ},
                            {k->blockX, k->blockY, k->blockZ},
                            k->dynamicSharedMemory,
                            strdup(k->name ? k->name : "")};
    return 1;
  }
}

long sk_cupti_lost(void) {
  pthread_mutex_lock(&mutex);
  long n = lost;
  pthread_mutex_unlock(&mutex);
  return n;
}

const char *sk_cupti_text(int result) {
  const char *s = NULL;
  return cupti->cuptiGetResultString(result, &s) == CUPTI_SUCCESS && s ? s : "an unknown error";
}
