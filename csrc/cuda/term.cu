// term.cu: a gradient (grad.cu) that is added to a sum.
template <class M> struct sk_term {
  sk_source<M> source;
  sk_grad<M> grad;

  __device__ __forceinline__ void init(const sk_pointers *p, int replica, int c) {
    grad.init(p, replica, c);
  }
  __device__ __forceinline__ void image(const sk_pointers *p, int image, int c) {
    source.image(p, image, c);
    grad.behind.image(p, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) {
    source.load(u, q);
    grad.behind.load(u, q);
  }
  __device__ __forceinline__ void add(float *sum, const float *beta, int u) const {
    float g[V], f[V];
    source.value(g, u);
    grad.value(f, g, beta, u);
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] += f[i];
  }
};
