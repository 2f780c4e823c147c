// read.inc.h: reading a strip (SK_W channels of a block of 16) of one image, recomputing what stands in front of it. A run of at most RUN
// positions goes through a buffer in the first-level cache, so the cases are told apart once a run and not once a position.
enum { RUN = 64, STRIPS = SK_B / SK_W };

// One strip of a view. With relu: v = max(scale*t + shift, 0); scale is 1 and shift 0 where there is no norm.
typedef struct {
  const float *t; // stride 16
  vf scale, shift;
  int norm, relu;
  int64_t ahead; // floats from what is read to what is fetched ahead; 0: nothing is
} view_strip;

// Where strip s, counted from block cb0, of image n begins; NULL of NULL.
static float *strip_of(const sk_tensor *t, int n, int cb0, int s) {
  return t ? t->p + n * t->image + (int64_t)(cb0 + s / STRIPS) * t->h * t->w * SK_B + s % STRIPS * SK_W : NULL;
}

static view_strip view_at(const sk_view *v, const sk_batch *b, int n, int s) {
  view_strip r = {strip_of(v->t, n, v->cb0, s), vf_set(1), vf_set(0), v->norm != NULL, v->relu, 0};
  if (v->norm) {
    const int64_t i = ((int64_t)b->replica[n] * v->norm->cb + v->ncb0) * SK_B + s * SK_W;
    r.scale = vf_load(v->norm->scale + i);
    r.shift = vf_load(v->norm->shift + i);
  }
  return r;
}

SK_INLINE vf view_value(const view_strip *v, int p, int norm, int relu) {
  vf x = vf_load(v->t + (int64_t)p * SK_B);
  if (norm) x = x * v->scale + v->shift;
  return relu ? vf_relu(x) : x;
}

SK_INLINE void view_add_case(vf *out, vf a, const view_strip *v, int p, int m, int norm, int relu) {
  for (int i = 0; i < m; i++) out[i] += a * view_value(v, p + i, norm, relu);
}

// out[i] += a * v[p+i], i < m
static void view_add(vf *out, vf a, const view_strip *v, int p, int m) {
  switch (v->norm * 2 + v->relu) {
  case 0: view_add_case(out, a, v, p, m, 0, 0); break;
  case 1: view_add_case(out, a, v, p, m, 0, 1); break;
  case 2: view_add_case(out, a, v, p, m, 1, 0); break;
  default: view_add_case(out, a, v, p, m, 1, 1); break;
  }
}

// One strip of a gradient: g' = coef*g where mask > 0 and scale*y + shift > 0; dy = ca*g' + cb*y + cc.
typedef struct {
  const float *g, *mask, *y;
  vf coef, scale, shift, ca, cb, cc;
  int norm, relu;
  int64_t ahead; // as a view's
} grad_strip;

static grad_strip grad_at(const sk_grad *g, const sk_batch *b, int n, int s) {
  grad_strip r = {.g = strip_of(g->g, n, g->gcb0, s), .mask = strip_of(g->mask, n, g->mcb0, s), .y = strip_of(g->y, n, g->ycb0, s),
                  .coef = vf_set(g->coef ? g->coef[n] : 1), .scale = vf_set(1), .norm = g->norm != NULL, .relu = g->relu};
  r.ca = r.coef;
  if (g->norm) {
    const int64_t i = ((int64_t)b->replica[n] * g->norm->cb + g->ncb0) * SK_B + s * SK_W;
    r.scale = vf_load(g->norm->scale + i);
    r.shift = vf_load(g->norm->shift + i);
    r.ca = r.coef * vf_load(g->norm->ca + i);
    r.cb = vf_load(g->norm->cb_ + i);
    r.cc = vf_load(g->norm->cc + i);
  }
  return r;
}

// g'/coef at position p
SK_INLINE vf grad_masked(const grad_strip *g, int p, int mask, int relu) {
  const int64_t i = (int64_t)p * SK_B;
  vf v = vf_load(g->g + i);
  if (mask) v = vf_where_pos(vf_load(g->mask + i), v);
  if (relu) v = vf_where_pos(vf_load(g->y + i) * g->scale + g->shift, v);
  return v;
}

SK_INLINE void grad_add_case(vf *out, const grad_strip *g, int p, int m, int mask, int relu, int norm) {
  for (int i = 0; i < m; i++) {
    vf d = g->ca * grad_masked(g, p + i, mask, relu);
    if (norm) d += g->cb * vf_load(g->y + (int64_t)(p + i) * SK_B) + g->cc;
    out[i] += d;
  }
}

// out[i] += dy[p+i], i < m
static void grad_add(vf *out, const grad_strip *g, int p, int m) {
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
