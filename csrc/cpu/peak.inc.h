// peak.inc.h: multiply-adds on registers alone: enough independent ones to cover their latency, few enough for the registers.
enum { CHAINS = SK_W == 4 ? 12 : 14 };

static double peak(int64_t rounds) {
  vf a[CHAINS];
  volatile float one = 0.999f; // unknown to the compiler
  const vf m = vf_set(one), s = vf_set(1 - one);
  for (int i = 0; i < CHAINS; i++) a[i] = vf_set(i);
  for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++) a[i] = a[i] * m + s;
  for (int i = 1; i < CHAINS; i++) a[0] += a[i];
  one = a[0][0]; // used
  return 2.0 * SK_W * CHAINS * rounds;
}
