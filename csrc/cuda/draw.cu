// draw.cu: the coefficients that the kernels draw, written out.
//
//   alpha[k][i], beta[k][i] for branch k and image i
//
// draw(step, block, alpha, beta, n): float[BRANCHES][n] each. A thread an image.
extern "C" __global__ void __launch_bounds__(256) draw(const sh_step *step, unsigned int block, float *alpha, float *beta, int n) {
  const int image = blockIdx.x * 256 + threadIdx.x;
  if (image >= n) return;
  const int replica = (int)((i64)image * REPLICAS / n);
  for (int k = 0; k < D::BRANCHES; k++) {
    alpha[(i64)k * n + image] = sh_alpha<D>(step, block, image, replica, k);
    beta[(i64)k * n + image] = sh_beta<D>(step, block, image, replica, k);
  }
}
