// tile.inc.h: going through a chunk of tiles.

// Where a tile stands.
typedef struct {
  int image, i, j;
} tile;

SK_INLINE tile tile_first(const sk_fast *w, int t) { return (tile){t / (w->th * w->tw), t / w->tw % w->th, t % w->tw}; }

// Tiles of one image that stand side by side: the first of them, and how many of t there are.
SK_INLINE int tile_row(const sk_fast *w, const tile *at, int t) { return t < w->tw - at->j ? t : w->tw - at->j; }

// m tiles further on in the same row, or in the first place of the next.
SK_INLINE void tile_skip(const sk_fast *w, tile *t, int m) {
  t->j += m;
  if (t->j < w->tw) return;
  t->j = 0;
  if (++t->i < w->th) return;
  t->i = 0;
  t->image++;
}

// A transformed kernel [freqs][16][16] to its place among the packed weights, which fit no cache together.
static void put_kernel(const float *near, int freqs, float *u, int64_t pitch, int64_t freq) {
  for (int f = 0; f < freqs; f++)
    for (int r = 0; r < SK_B; r++, near += SK_B)
      for (int s = 0; s < SK_B; s += SK_W) vf_stream(u + f * freq + r * pitch + s, vf_load(near + s));
  vf_streamed();
}

// Strips of block b of the view, or of the gradients, of an image of the batch. While one block is read the next is fetched, or the next image's first:
// rows are too short for the processor to see what will be wanted. One strip fetches for all, since they share their lines.
static void tile_view(const sk_conv_job *j, int image, int b, view_strip v[STRIPS]) {
  for (int s = 0; s < STRIPS; s++) v[s] = view_at(j->x, j->batch, image, b * STRIPS + s);
  v[0].ahead = (int64_t)j->c->s.h * j->c->s.w * SK_B;
}

static void tile_grad(const sk_conv_job *j, int image, int b, grad_strip g[STRIPS]) {
  const sk_grad *d = j->dy;
  for (; b >= d->cb; d++) b -= d->cb;
  for (int s = 0; s < STRIPS; s++) g[s] = grad_at(d, j->batch, image, b * STRIPS + s);
  g[0].ahead = (int64_t)j->c->s.p * j->c->s.q * SK_B;
}
