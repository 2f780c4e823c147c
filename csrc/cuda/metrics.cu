// metrics.cu: adds a batch's losses and errors to the totals: one block, float64, in a fixed order.
//
//   totals.loss += sum loss[i]    totals.images += n    totals.errors += sum wrong[i]
//   totals.bad = the first iteration whose loss was not finite
//
// metrics(step, loss, wrong, totals, n): loss float[n], wrong u32[n].
struct sk_totals {
  double loss;
  i64 images, errors, bad;
};

extern "C" __global__ void __launch_bounds__(256)
    metrics(const sk_step *step, const float *loss, const unsigned int *wrong, sk_totals *totals,
            int n) {
  __shared__ double sums[256];
  __shared__ int counts[256];
  const int t = threadIdx.x;
  double sum = 0;
  int count = 0;
  sk_begin();
  for (int i = t; i < n; i += 256) sum += loss[i], count += (int)wrong[i];
  sums[t] = sum, counts[t] = count;
  for (int h = 128; h > 0; h /= 2) {
    __syncthreads();
    if (t < h) sums[t] += sums[t + h], counts[t] += counts[t + h];
  }
  if (t > 0) return;
  totals->loss += sums[0];
  totals->images += n;
  totals->errors += counts[0];
  if (totals->bad < 0 && !(sums[0] - sums[0] == 0)) totals->bad = step->iteration;
}
