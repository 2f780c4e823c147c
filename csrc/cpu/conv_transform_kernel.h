// conv_transform_kernel.h: the matrix products of conv_transform.c, the same for every algorithm.
// They go element by element, so that an element's tiles of all input blocks are read from the
// first-level cache by every panel but the first.
#ifndef SK_CONV_TRANSFORM_KERNEL_H
#define SK_CONV_TRANSFORM_KERNEL_H
#include "conv_weight_gradient_kernel.h"

// out = sum over terms of weights * in, for one panel and one element.
SK_INLINE void element_product(const sk_conv_transform *w, const sk_conv_plan *p,
                               const sk_conv_panel *panel, int element, const float *in, int tiles,
                               float *out) {
  const int product = w->first_product[element];
  const sk_conv_positions at = {.x = in + product * w->product_pitch,
                                .y = out + product * w->product_pitch,
                                .x_image_pitch = w->product_pitch,
                                .y_image_pitch = w->product_pitch,
                                .y_block_pitch = w->block_pitch,
                                .y_col_pitch = SK_LANES,
                                .images = w->first_product[element + 1] - product,
                                .rows = 1,
                                .cols = tiles};
  gemm(panel, p->term + panel->term0, p->weights + element * p->floats, &at);
}

// All elements of some panels of a plan, whose output blocks have these places.
SK_INLINE void element_products(const sk_conv_transform *w, const sk_conv_plan *p,
                                sk_conv_panels panels, const int *place, const float *in, int tiles,
                                float *out) {
  for (int e = 0; e < w->elements; e++)
    for (int i = panels.begin; i < panels.end; i++) {
      const sk_conv_panel *panel = &p->panel[i];
      if (panel->terms)
        element_product(w, p, panel, e, in, tiles, out + place[panel->block0] * w->block_pitch);
    }
}

static void transform_forward(const sk_conv *c, const sk_conv_chunk *k, const float *v, float *m) {
  const sk_conv_transform *w = &c->transform;
  element_products(w, &w->forward, k->island->forward, w->y_place, v, k->tiles, m);
}

static void transform_backward(const sk_conv *c, const sk_conv_chunk *k, sk_conv_panels panels,
                               const float *e, float *m) {
  const sk_conv_transform *w = &c->transform;
  element_products(w, &w->backward, panels, w->x_place, e, k->tiles, m);
}

static void transform_weight_gradient(const sk_conv *c, const sk_conv_chunk *k,
                                      sk_conv_panels panels, const float *v, const float *e,
                                      int first, float *acc) {
  const sk_conv_transform *w = &c->transform;
  const sk_conv_plan *p = &w->forward;
  for (int element = 0; element < w->elements; element++) {
    const int product = w->first_product[element];
    weight_sum o = {.x = v + product * w->product_pitch,
                    .x_row_pitch = w->product_pitch,
                    .dy_row_pitch = w->product_pitch,
                    .dy_block_pitch = w->block_pitch,
                    .rows = w->first_product[element + 1] - product,
                    .cols = k->tiles,
                    .acc = acc + element * p->floats,
                    .add = !first};
    for (int i = panels.begin; i < panels.end; i++) {
      const sk_conv_panel *panel = &p->panel[i];
      if (!panel->terms) continue;
      o.dy = e + product * w->product_pitch + w->y_place[panel->block0] * w->block_pitch;
      const sk_conv_term *t = p->term + panel->term0, *end = t + panel->terms;
      for (; t < end; t++) {
        // The next term's accumulator may come from far, as the gemm's weights do.
        const int lines = t->inputs * panel->blocks;
        const float *next = o.acc + t->weight_at + lines * SK_LANES;
        for (int l = 0; l < lines; l++) __builtin_prefetch(next + l * SK_LANES, 1, 2);
        weight_terms(panel, t, 1, o);
      }
    }
  }
}
#endif
