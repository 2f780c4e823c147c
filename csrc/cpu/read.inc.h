// read.inc.h: reading one block of channels of one image, recomputing what stands in front of it. A run of at most RUN positions goes
// through a buffer in the first-level cache, so the cases are told apart once a run and not once a position.
enum { RUN = 64 };

// One block of a view. With relu: v = max(scale*t + shift, 0); scale is 1 and shift 0 where there is no norm.
typedef struct {
  const float *t; // [h*w][16]
  v16 scale, shift;
  int norm, relu;
} view_block;

static view_block view_at(const sk_view *v, const sk_batch *b, int n, int cb) {
  const sk_tensor *t = v->t;
  view_block r = {t->p + n * t->image + (int64_t)(v->cb0 + cb) * t->h * t->w * SK_B, vset(1), vset(0), v->norm != NULL, v->relu};
  if (v->norm) {
    const int64_t i = ((int64_t)b->replica[n] * v->norm->cb + v->ncb0 + cb) * SK_B;
    r.scale = vload(v->norm->scale + i);
    r.shift = vload(v->norm->shift + i);
  }
  return r;
}

SK_INLINE v16 view_value(const view_block *v, int p, int norm, int relu) {
  v16 x = vload(v->t + (int64_t)p * SK_B);
  if (norm) x = x * v->scale + v->shift;
  return relu ? vrelu(x) : x;
}

SK_INLINE void view_add_case(v16 *out, v16 a, const view_block *v, int p, int m, int norm, int relu) {
  for (int i = 0; i < m; i++) out[i] += a * view_value(v, p + i, norm, relu);
}

// out[i] += a * v[p+i], i < m
static void view_add(v16 *out, v16 a, const view_block *v, int p, int m) {
  switch (v->norm * 2 + v->relu) {
  case 0: view_add_case(out, a, v, p, m, 0, 0); break;
  case 1: view_add_case(out, a, v, p, m, 0, 1); break;
  case 2: view_add_case(out, a, v, p, m, 1, 0); break;
  default: view_add_case(out, a, v, p, m, 1, 1); break;
  }
}

// One block of a gradient: g' = coef*g where mask > 0 and scale*y + shift > 0; dy = ca*g' + cb*y + cc.
typedef struct {
  const float *g, *mask, *y;
  v16 coef, scale, shift, ca, cb, cc;
  int norm, relu;
} grad_block;

static const float *block_of(const sk_tensor *t, int n, int cb) {
  return t ? t->p + n * t->image + (int64_t)cb * t->h * t->w * SK_B : NULL;
}

static grad_block grad_at(const sk_grad *g, const sk_batch *b, int n, int cb) {
  grad_block r = {.g = block_of(g->g, n, g->gcb0 + cb), .mask = block_of(g->mask, n, g->mcb0 + cb), .y = block_of(g->y, n, g->ycb0 + cb),
                  .coef = vset(g->coef ? g->coef[n] : 1), .scale = vset(1), .norm = g->norm != NULL, .relu = g->relu};
  r.ca = r.coef;
  if (g->norm) {
    const int64_t i = ((int64_t)b->replica[n] * g->norm->cb + g->ncb0 + cb) * SK_B;
    r.scale = vload(g->norm->scale + i);
    r.shift = vload(g->norm->shift + i);
    r.ca = r.coef * vload(g->norm->ca + i);
    r.cb = vload(g->norm->cb_ + i);
    r.cc = vload(g->norm->cc + i);
  }
  return r;
}

// g'/coef at position p
SK_INLINE v16 grad_masked(const grad_block *g, int p, int mask, int relu) {
  const int64_t i = (int64_t)p * SK_B;
  v16 v = vload(g->g + i);
  if (mask) v = vwhere_pos(vload(g->mask + i), v);
  if (relu) v = vwhere_pos(vload(g->y + i) * g->scale + g->shift, v);
  return v;
}

SK_INLINE void grad_add_case(v16 *out, const grad_block *g, int p, int m, int mask, int relu, int norm) {
  for (int i = 0; i < m; i++) {
    v16 d = g->ca * grad_masked(g, p + i, mask, relu);
    if (norm) d += g->cb * vload(g->y + (int64_t)(p + i) * SK_B) + g->cc;
    out[i] += d;
  }
}

// out[i] += dy[p+i], i < m
static void grad_add(v16 *out, const grad_block *g, int p, int m) {
  switch ((g->mask != NULL) * 4 + g->relu * 2 + g->norm) {
  case 0: grad_add_case(out, g, p, m, 0, 0, 0); break;
  case 1: grad_add_case(out, g, p, m, 0, 0, 1); break;
  case 2: grad_add_case(out, g, p, m, 0, 1, 0); break;
  case 3: grad_add_case(out, g, p, m, 0, 1, 1); break;
  case 4: grad_add_case(out, g, p, m, 1, 0, 0); break;
  case 5: grad_add_case(out, g, p, m, 1, 0, 1); break;
  case 6: grad_add_case(out, g, p, m, 1, 1, 0); break;
  default: grad_add_case(out, g, p, m, 1, 1, 1); break;
  }
}
