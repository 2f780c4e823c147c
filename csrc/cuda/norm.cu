// norm.cu: how a norm stands in memory, and the two constants of batch normalisation (Ioffe and
// Szegedy 2015, as PyTorch sets them).
//
// The seven arrays of a norm, float[7][REPLICAS][its channels]:
enum { SH_MEAN, SH_INVSTD, SH_SCALE, SH_SHIFT, SH_CA, SH_CB, SH_CC };

constexpr double SH_EPSILON = 1e-5;       // beside a variance, under the root
constexpr float SH_NORM_MOMENTUM = 0.1f;  // share of the batch in a step of the running statistics
