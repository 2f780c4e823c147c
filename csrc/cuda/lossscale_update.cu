// lossscale_update.cu: dynamic loss scaling, after a step: half the scale if the step was bad,
// twice after GROWTH good ones in a row, between 1 and 2^24.
//
// lossscale_update(scaler): one thread; bad is 0 afterwards.
extern "C" __global__ void lossscale_update(sk_scaler *scaler) {
  sk_begin();
  float scale = scaler->scale;
  u32 good = scaler->bad ? 0 : scaler->good + 1;
  if (scaler->bad) scale = scale > 2 ? scale / 2 : 1;
  if (good >= GROWTH) good = 0, scale = scale < 8388608.0f ? scale * 2 : 16777216.0f;
  scaler->scale = scale;
  scaler->inverse = 1 / scale;
  scaler->good = good;
  scaler->bad = 0;
}
