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

// The gradient that block b of y is covered by; b becomes its block of that.
SK_INLINE const sk_grad *tile_grad(const sk_grad *d, int *b) {
  for (; *b >= d->cb; d++) *b -= d->cb;
  return d;
}
