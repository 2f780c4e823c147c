// fast.inc.h: the products of fast.c, the same for every algorithm, and the table of its kernels.

// One run at one frequency: out = sum over steps of w * in.
SK_INLINE void fast_product(const sk_fast *a, const sk_plan *p, const sk_run *run, int f, const float *in, int tiles, float *out) {
  const int at = a->first[f];
  const sk_walk walk = {.x = in + at * a->pitch, .y = out + at * a->pitch, .ximage = a->pitch, .yimage = a->pitch, .yblock = a->block, .ypx = SK_B,
                        .images = a->first[f + 1] - at, .rows = 1, .cols = tiles};
  gemm(run, p->step + run->step0, p->w + f * p->floats, &walk);
}

// Frequency by frequency, so that its tiles of all input blocks are read from L1 by all runs but the first.
static void fast_forward(const sk_conv *c, const sk_tiles *k, const float *v, float *m) {
  const sk_fast *a = &c->fast;
  for (int f = 0; f < a->freqs; f++)
    for (const sk_run *run = a->f.run + k->island->f0; run < a->f.run + k->island->f1; run++)
      if (run->steps) fast_product(a, &a->f, run, f, v, k->tiles, m + a->yat[run->b0] * a->block);
}

static void fast_data(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *e, float *m) {
  const sk_fast *a = &c->fast;
  for (int f = 0; f < a->freqs; f++)
    for (const sk_run *run = a->d.run + lo; run < a->d.run + hi; run++)
      if (run->steps) fast_product(a, &a->d, run, f, e, k->tiles, m + a->xat[run->b0] * a->block);
}

static void fast_sums(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *v, const float *e, int first, float *acc) {
  const sk_fast *a = &c->fast;
  const sk_plan *p = &a->f;
  for (int f = 0; f < a->freqs; f++) {
    const float *x = v + a->first[f] * a->pitch, *dy = e + a->first[f] * a->pitch;
    const int products = a->first[f + 1] - a->first[f];
    for (const sk_run *run = p->run + lo; run < p->run + hi; run++) {
      if (!run->steps) continue;
      const float *d = dy + a->yat[run->b0] * a->block;
      for (const sk_step *s = p->step + run->step0, *end = s + run->steps; s < end; s++) {
        float *next = acc + f * p->floats + s->w + s->nc * run->nb * SK_B; // as the gemm's weights, it may come from far
        for (int i = 0; i < s->nc * run->nb; i++) __builtin_prefetch(next + i * SK_B, 1, 2);
        weight_band(run, s, 1, products, k->tiles, x, a->pitch, d, a->pitch, a->block, acc + f * p->floats, !first);
      }
    }
  }
}

static const sk_fast_kernels SK_(fast) = {.of = {[SK_WINOGRAD] = WINO_TRANSFORMS(1), [SK_WINOGRAD_STRIDED] = WINO_TRANSFORMS(2), [SK_STRASSEN] = STRASSEN_TRANSFORMS},
                                          .forward = fast_forward, .data = fast_data, .sums = fast_sums};
