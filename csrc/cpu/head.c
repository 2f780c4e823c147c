// head.c: the end of a network. Its matrices are small (128 images of 128 channels in 10 classes),
// so plain loops do. Pooling and the gradient of x touch every position and are kernels.
#include "head.h"
#include "dispatch.h"
#include <math.h>

typedef struct {
  const sk_head *head;
  const sk_batch *batch;
  const float *params;
  float *grads;  // NULL in evaluation
  const sk_targets *targets;
} job;

static int width(const sk_head *h) { return h->x->blocks * SK_LANES; }

// z = W mean + bias, of one image.
static void logits(const sk_head *h, const float *params, const float *mean, float *z) {
  for (int k = 0; k < h->classes; k++) {
    const float *w = params + h->weight_at + (int64_t)k * h->channels;
    double sum = params[h->bias_at + k];
    for (int c = 0; c < h->channels; c++) sum += (double)w[c] * mean[c];
    z[k] = (float)sum;
  }
}

// With the target q = (1-e)*m + e/classes, m = weight*onehot(label) + (1-weight)*onehot(other) and
// u = z - max:
//
//   loss = log(sum exp(u)) - sum of q*u    dz = (softmax(z) - q)/images
//
// A NaN among z makes loss and dz NaN, and counts as wrong; else an image is wrong where its
// largest logit is not that of the label of the greater weight. Without smoothing e is 0.
static void classify(const sk_head *h, const sk_batch *b, int n, const sk_targets *t, double e) {
  const float *z = h->logits + (int64_t)n * h->classes;
  float *dz = h->dlogits + (int64_t)n * h->classes;
  const int label = t->labels[n], other = t->others ? t->others[n] : label;
  const double weight = t->others ? t->weight : 1;
  int best = 0, nan = 0;
  for (int k = 0; k < h->classes; k++) {
    if (z[k] > z[best]) best = k;
    nan |= z[k] != z[k];
  }
  double sum = 0, target = (1 - e) * weight * ((double)z[label] - z[best]);
  if (t->others) target += (1 - e) * (1 - weight) * ((double)z[other] - z[best]);
  for (int k = 0; k < h->classes; k++) {
    sum += exp((double)z[k] - z[best]);
    if (e > 0) target += e / h->classes * ((double)z[k] - z[best]);
  }
  h->loss[n] = nan ? NAN : (float)(log(sum) - target);
  h->wrong[n] = nan || best != (weight >= 0.5 ? label : other);
  for (int k = 0; k < h->classes; k++) {
    const double m = weight * (k == label) + (1 - weight) * (k == other);
    const double q = (1 - e) * m + e / h->classes;
    dz[k] = nan ? NAN : (float)((exp((double)z[k] - z[best]) / sum - q) / b->n);
  }
}

static void forward_task(void *arg, int n, int worker) {
  (void)worker;
  const job *j = arg;
  const sk_head *h = j->head;
  float *mean = h->mean + (int64_t)n * width(h);
  sk_isa->head_mean(h->x, j->batch, n, mean);
  logits(h, j->params, mean, h->logits + (int64_t)n * h->classes);
  classify(h, j->batch, n, j->targets, j->grads ? h->smoothing : 0);
}

static void backward_task(void *arg, int n, int worker) {
  (void)worker;
  const job *j = arg;
  const sk_head *h = j->head;
  if (h->dx.g) {
    const float *dz = h->dlogits + (int64_t)n * h->classes;
    float *d = h->dmean + (int64_t)n * width(h);
    for (int c = 0; c < h->channels; c++) d[c] = 0;
    for (int k = 0; k < h->classes; k++) {
      const float *w = j->params + h->weight_at + (int64_t)k * h->channels;
      for (int c = 0; c < h->channels; c++) d[c] += dz[k] * w[c];
    }
    const float positions = (float)(h->dx.g->h * h->dx.g->w);
    for (int c = 0; c < h->channels; c++) d[c] /= positions;
    sk_isa->head_spread(d, h->x, &h->dx, j->batch, n);
  }
  sk_image_sums(h->sums, j->batch, n);
}

// The gradient of one class's row of W and of its bias, summed over images in order.
static void row_task(void *arg, int k, int worker) {
  (void)worker;
  const job *j = arg;
  const sk_head *h = j->head;
  float *dw = j->grads + h->weight_at + (int64_t)k * h->channels, db = 0;
  for (int c = 0; c < h->channels; c++) dw[c] = 0;
  for (int n = 0; n < j->batch->n; n++) {
    const float dz = h->dlogits[(int64_t)n * h->classes + k];
    const float *mean = h->mean + (int64_t)n * width(h);
    db += dz;
    for (int c = 0; c < h->channels; c++) dw[c] += dz * mean[c];
  }
  j->grads[h->bias_at + k] = db;
}

void sk_head_eval(sk_pool *p, const sk_head *h, const sk_batch *b, const float *params,
                  const uint16_t *labels) {
  sk_parallel(p, b->n, forward_task, &(job){h, b, params, 0, &(sk_targets){labels, 0, 1}});
}

void sk_head_train(sk_pool *p, const sk_head *h, const sk_batch *b, const float *params,
                   float *grads, const sk_targets *targets) {
  job j = {h, b, params, grads, targets};
  sk_parallel(p, b->n, forward_task, &j);
  sk_parallel(p, h->classes, row_task, &j);
  sk_parallel(p, b->n, backward_task, &j);
}
