// dropout.c: dropouts over a batch, a task a block of an image. Bound by the draws: 40 products of
// 32 bits for four numbers.
#include "dropout.h"

enum { PURPOSE = 16, WORDS = 4 };  // rng.Dropout; the numbers of a counter

typedef struct {
  const sk_dropout *dropout;
  uint64_t seed;
  uint32_t iteration;
} job;

// Philox 4x32-10 of SK_LANES/WORDS counters that differ in their last word alone, lane after lane:
// internal/rng has the single one.
static void draw(const job *j, uint32_t image, const uint32_t *last, uint32_t *words) {
  enum { N = SK_LANES / WORDS };
  uint32_t c0[N], c1[N], c2[N], c3[N], k0 = (uint32_t)j->seed, k1 = (uint32_t)(j->seed >> 32);
  for (int i = 0; i < N; i++)
    c0[i] = j->iteration, c1[i] = j->dropout->index, c2[i] = image, c3[i] = last[i];
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int i = 0; i < N; i++) {
      const uint64_t a = (uint64_t)0xD2511F53u * c0[i], b = (uint64_t)0xCD9E8D57u * c2[i];
      c0[i] = (uint32_t)(b >> 32) ^ c1[i] ^ k0, c1[i] = (uint32_t)b;
      c2[i] = (uint32_t)(a >> 32) ^ c3[i] ^ k1, c3[i] = (uint32_t)a;
    }
  for (int i = 0; i < N; i++)
    words[i * WORDS] = c0[i], words[i * WORDS + 1] = c1[i], words[i * WORDS + 2] = c2[i],
              words[i * WORDS + 3] = c3[i];
}

static void task(void *arg, int task, int worker) {
  (void)worker;
  const job *j = arg;
  const sk_dropout *o = j->dropout;
  const sk_tensor *y = o->y;
  const int n = task / y->blocks, b = task % y->blocks, positions = y->h * y->w;
  const uint32_t chunks = (uint32_t)(y->c + WORDS - 1) / WORDS;
  const int64_t plane = (int64_t)positions * SK_LANES;
  const float *in = o->x->data + n * o->x->image_pitch + (o->block0 + b) * plane;
  float *out = y->data + n * y->image_pitch + b * plane;
  for (int p = 0; p < positions; p++, in += SK_LANES, out += SK_LANES) {
    uint32_t last[SK_LANES / WORDS], words[SK_LANES];
    for (uint32_t i = 0; i < SK_LANES / WORDS; i++)
      last[i] = PURPOSE | ((uint32_t)p * chunks + (uint32_t)b * (SK_LANES / WORDS) + i) << 8;
    draw(j, (uint32_t)n, last, words);
    for (int l = 0; l < SK_LANES; l++)
      out[l] = words[l] >> 8 >= o->threshold ? in[l] * o->scale : 0;
  }
}

void sk_dropout_run(sk_pool *p, const sk_dropout *o, const sk_batch *b, uint64_t seed,
                    uint32_t iteration) {
  sk_parallel(p, b->n * o->y->blocks, task, &(job){o, seed, iteration});
}
