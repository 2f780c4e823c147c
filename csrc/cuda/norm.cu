// norm.cu: how a norm stands in memory, and the two constants of batch normalisation (Ioffe and
// Szegedy 2015, as PyTorch sets them).
//
// The seven arrays of a norm, float[7][REPLICAS][its channels]:
enum { SK_MEAN, SK_INVSTD, SK_SCALE, SK_SHIFT, SK_DX_G, SK_DX_X, SK_DX_1 };

constexpr double SK_NORM_EPSILON = 1e-5;  // beside a variance, under the root
constexpr float SK_NORM_MOMENTUM = 0.1f;  // share of the batch in a step of the running statistics
