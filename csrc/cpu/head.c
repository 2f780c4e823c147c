// head.c: the end of a network. Its matrices are small (128 images of 128 channels in 10 classes), so plain loops do; pooling and the gradient
// of x, which touch every position, are kernels.
#include "head.h"
#include "dispatch.h"
#include <math.h>

typedef struct {
  const sk_head *h;
  const sk_batch *b;
  const float *params;
  float *grads;
  const uint16_t *labels;
} args;

static int width(const sk_head *h) { return h->x->cb * SK_B; }

static void logits(const sk_head *h, const float *params, const float *mean, float *z) {
  for (int k = 0; k < h->classes; k++) {
    const float *w = params + h->woff + (int64_t)k * h->c;
    double sum = params[h->boff + k];
    for (int c = 0; c < h->c; c++) sum += (double)w[c] * mean[c];
    z[k] = (float)sum;
  }
}

// loss = log(sum exp(z - max)) - (z[label] - max); dz = (softmax(z) - onehot)/images. A NaN among z makes loss and dz NaN, and counts as wrong.
static void classify(const sk_head *h, const sk_batch *b, int n, int label) {
  const float *z = h->logits + (int64_t)n * h->classes;
  float *dz = h->dlogits + (int64_t)n * h->classes;
  int best = 0, nan = 0;
  for (int k = 0; k < h->classes; k++) {
    if (z[k] > z[best]) best = k;
    nan |= z[k] != z[k];
  }
  double sum = 0;
  for (int k = 0; k < h->classes; k++) sum += exp((double)z[k] - z[best]);
  h->loss[n] = nan ? NAN : (float)(log(sum) - ((double)z[label] - z[best]));
  h->wrong[n] = nan || best != label;
  for (int k = 0; k < h->classes; k++) dz[k] = nan ? NAN : (float)((exp((double)z[k] - z[best]) / sum - (k == label)) / b->n);
}

static void forward_task(void *arg, int n, int worker) {
  (void)worker;
  const args *a = arg;
  const sk_head *h = a->h;
  float *mean = h->mean + (int64_t)n * width(h);
  sk_isa->elementwise->mean(h->x, a->b, n, mean);
  logits(h, a->params, mean, h->logits + (int64_t)n * h->classes);
  classify(h, a->b, n, a->labels[n]);
}

static void backward_task(void *arg, int n, int worker) {
  (void)worker;
  const args *a = arg;
  const sk_head *h = a->h;
  if (h->dx) {
    const float *dz = h->dlogits + (int64_t)n * h->classes;
    float *d = h->dmean + (int64_t)n * width(h);
    for (int c = 0; c < h->c; c++) d[c] = 0;
    for (int k = 0; k < h->classes; k++) {
      const float *w = a->params + h->woff + (int64_t)k * h->c;
      for (int c = 0; c < h->c; c++) d[c] += dz[k] * w[c];
    }
    const float positions = (float)(h->dx->h * h->dx->w);
    for (int c = 0; c < h->c; c++) d[c] /= positions;
    sk_isa->elementwise->spread(d, h->x, h->dx, h->dxcb0, h->relu, h->accumulate, a->b, n);
  }
  for (int i = 0; i < h->nsums; i++) sk_image_sums(&h->sums[i], a->b, n);
}

// The gradient of one class's row of W and of its bias, images in order.
static void row_task(void *arg, int k, int worker) {
  (void)worker;
  const args *a = arg;
  const sk_head *h = a->h;
  float *dw = a->grads + h->woff + (int64_t)k * h->c, db = 0;
  for (int c = 0; c < h->c; c++) dw[c] = 0;
  for (int n = 0; n < a->b->n; n++) {
    const float dz = h->dlogits[(int64_t)n * h->classes + k], *mean = h->mean + (int64_t)n * width(h);
    db += dz;
    for (int c = 0; c < h->c; c++) dw[c] += dz * mean[c];
  }
  a->grads[h->boff + k] = db;
}

void sk_head_eval(sk_pool *p, const sk_head *h, const sk_batch *b, const float *params, const uint16_t *labels) {
  sk_parallel(p, b->n, forward_task, &(args){h, b, params, 0, labels});
}

void sk_head_train(sk_pool *p, const sk_head *h, const sk_batch *b, const float *params, float *grads, const uint16_t *labels) {
  args a = {h, b, params, grads, labels};
  sk_parallel(p, b->n, forward_task, &a);
  sk_parallel(p, h->classes, row_task, &a);
  sk_parallel(p, b->n, backward_task, &a);
}
