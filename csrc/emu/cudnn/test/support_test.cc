// The graphs for which an engine exists: the answers of the real library (9.28) for an H100, case
// by case. "A" is an answer of the heuristics' mode A, "F" one of FALLBACK, "!" a query that is
// refused. Not covered: sums in half of half tensors, whole numbers in vectors, three dimensions.
// "support_test LIBRARY DRIVER" asks the real library, with a stub driver loaded before it; that
// takes minutes.
#include "card.h"
#include "fixture.h"

namespace {

struct Case {
  std::string name;
  DescPtr graph;
  std::string want;
};

constexpr int bf16 = kBfloat16, f16 = kHalf, f32 = kFloat;

DescPtr t(int64_t uid, const std::vector<int64_t> &d, int type, bool isVirtual = false,
          int64_t align = 16) {
  return tensor({uid, d, nhwc(d), type, isVirtual, false, align});
}
DescPtr g(const std::vector<DescPtr> &ops) { return graph(nullptr, ops); }

// Shape is a convolution of 8 images: channels, filters, groups, rows and columns, stride, taps.
struct Shape {
  int64_t c, k, groups = 1, h = 16, stride = 1, r = 3;
  std::vector<int64_t> x() const { return {8, c, h, h}; }
  std::vector<int64_t> w() const { return {k, c / groups, r, r}; }
  std::vector<int64_t> y() const {
    return {8, k, (h + 2 * (r / 2) - r) / stride + 1, (h + 2 * (r / 2) - r) / stride + 1};
  }
  DescPtr conv() const { return convolution({{r / 2, r / 2}, {r / 2, r / 2}, {stride, stride}}); }
  std::string text() const {
    return "c" + std::to_string(c) + " k" + std::to_string(k) + " g" + std::to_string(groups) +
           " s" + std::to_string(stride);
  }
};

DescPtr plain(int kind, Shape s, int in, int out, int64_t align = 16, int comp = kFloat) {
  ConvSpec c{{s.r / 2, s.r / 2}, {s.r / 2, s.r / 2}, {s.stride, s.stride}};
  c.comp = comp;
  auto type = [&](int which) { return which == kind ? out : in; };
  return g({conv(kind, convolution(c), t(1, s.x(), type(kOpConvData), false, align),
                 t(2, s.w(), type(kOpConvFilter), false, align),
                 t(3, s.y(), type(kOpConvForward), false, align))});
}

DescPtr statistics(const DescPtr &x, int64_t channels) {
  auto d = desc(kOpGenStats);
  std::vector<int64_t> c{1, channels, 1, 1};
  d->e(kGenStatsMode, kTypeGenstatsMode, 0)
      .type(kGenStatsMathPrec, kFloat)
      .child(kGenStatsX, *x)
      .child(kGenStatsSum, *t(90, c, f32))
      .child(kGenStatsSqSum, *t(91, c, f32));
  d->finalize();
  return d;
}
DescPtr reduction(int op, const DescPtr &x, const DescPtr &y) {
  auto r = desc(kReduction), d = desc(kOpReduction);
  r->e(kReductionOperator, kTypeReductionOperator, op).type(kReductionCompType, kFloat).finalize();
  d->child(kOpReductionDesc, *r).child(kOpReductionX, *x).child(kOpReductionY, *y).finalize();
  return d;
}

// Forward, with the operations before and behind the convolution.
DescPtr forward(Shape s, int type, bool prologue, const char *behind) {
  std::vector<int64_t> c{1, s.c, 1, 1}, k{1, s.k, 1, 1}, n{8, 1, 1, 1};
  std::vector<DescPtr> ops;
  auto in = t(1, s.x(), type), v = t(3, s.y(), f32, true), y = t(4, s.y(), type);
  if (prologue) {
    auto v1 = t(10, s.x(), type, true), v2 = t(11, s.x(), type, true),
         v3 = t(12, s.x(), type, true);
    ops = {pointwise(kMul, in, t(5, c, f32), v1), pointwise(kAdd, v1, t(6, c, f32), v2),
           pointwise(kReluFwd, v2, nullptr, v3)};
    in = v3;
  }
  ops.push_back(conv(kOpConvForward, s.conv(), in, t(2, s.w(), type), v));
  std::string b = behind;
  if (b == "identity" || b == "statistics") ops.push_back(pointwise(kIdentity, v, nullptr, y));
  if (b == "statistics") ops.push_back(statistics(v, s.k));
  auto v4 = t(13, s.y(), f32, true), v5 = t(14, s.y(), f32, true);
  if (b == "affine")
    for (auto &o : {pointwise(kMul, v, t(7, k, f32), v4), pointwise(kAdd, v4, t(8, k, f32), v5),
                    pointwise(kReluFwd, v5, nullptr, y)})
      ops.push_back(o);
  if (b == "image")
    for (auto &o :
         {pointwise(kMul, v, t(7, n, f32), v4), pointwise(kAdd, v4, t(8, s.y(), type), y)})
      ops.push_back(o);
  return g(ops);
}
DescPtr filter(Shape s, int type, bool prologue, bool onto) {
  std::vector<int64_t> c{1, s.c, 1, 1};
  auto in = t(1, s.x(), type), v = t(2, s.w(), f32, true);
  std::vector<DescPtr> ops;
  if (prologue) {
    auto v1 = t(10, s.x(), type, true), v2 = t(11, s.x(), type, true),
         v3 = t(12, s.x(), type, true);
    ops = {pointwise(kMul, in, t(5, c, f32), v1), pointwise(kAdd, v1, t(6, c, f32), v2),
           pointwise(kReluFwd, v2, nullptr, v3)};
    in = v3;
  }
  ops.push_back(conv(kOpConvFilter, s.conv(), in, v, t(3, s.y(), type)));
  ops.push_back(onto ? pointwise(kAdd, v, t(8, s.w(), f32), t(9, s.w(), f32))
                     : pointwise(kIdentity, v, nullptr, t(9, s.w(), f32)));
  return g(ops);
}
DescPtr data(Shape s, int type, const char *behind) {
  auto v = t(1, s.x(), f32, true), dx = t(9, s.x(), type);
  std::string b = behind;
  auto o = b == "relu"    ? pointwise(kReluBwd, v, t(8, s.x(), type), dx)
           : b == "add"   ? pointwise(kAdd, v, t(8, s.x(), type), dx)
           : b == "image" ? pointwise(kMul, v, t(8, {8, 1, 1, 1}, f32), dx)
                          : pointwise(kIdentity, v, nullptr, dx);
  return g({conv(kOpConvData, s.conv(), v, t(2, s.w(), type), t(3, s.y(), type)), o});
}

DescPtr norm(int64_t channels, int type, bool training, const char *behind) {
  std::vector<int64_t> d{8, channels, 16, 16}, c{1, channels, 1, 1};
  auto y = t(2, d, type), v = t(20, d, f32, true), w = t(21, d, f32, true);
  std::string b = behind;
  auto o = desc(kOpNormForward);
  o->e(kNormFwdMode, kTypeNormMode, kBatchNorm)
      .e(kNormFwdPhase, kTypeNormPhase, training)
      .child(kNormFwdX, *t(1, d, type))
      .child(kNormFwdY, b.empty() ? *y : *v);
  o->child(kNormFwdMean, *t(3, c, f32))
      .child(kNormFwdInvVar, *t(4, c, f32))
      .child(kNormFwdScale, *t(5, c, f32))
      .child(kNormFwdBias, *t(6, c, f32));
  if (training)
    o->child(kNormFwdEpsilon, *tensor({7, {1, 1, 1, 1}, {1, 1, 1, 1}, f32, false, true}));
  o->finalize();
  if (b.empty()) return g({o});
  if (b == "relu") return g({o, pointwise(kReluFwd, v, nullptr, y)});
  if (b == "add") return g({o, pointwise(kAdd, v, t(8, d, type), y)});
  return g({o, pointwise(kAdd, v, t(8, d, type), w), pointwise(kReluFwd, w, nullptr, y)});
}
DescPtr normBackward(int64_t channels, int type, bool masked) {
  std::vector<int64_t> d{8, channels, 16, 16}, c{1, channels, 1, 1};
  auto dy = t(2, d, masked ? f32 : type, masked);
  auto o = desc(kOpNormBackward);
  o->e(kNormBwdMode, kTypeNormMode, kBatchNorm)
      .child(kNormBwdX, *t(1, d, type))
      .child(kNormBwdDy, *dy)
      .child(kNormBwdDx, *t(3, d, type))
      .child(kNormBwdMean, *t(4, c, f32));
  o->child(kNormBwdInvVar, *t(5, c, f32))
      .child(kNormBwdScale, *t(6, c, f32))
      .child(kNormBwdDscale, *t(7, c, f32))
      .child(kNormBwdDbias, *t(8, c, f32))
      .finalize();
  return masked ? g({pointwise(kReluBwd, t(9, d, type), t(10, d, type), dy), o}) : g({o});
}

std::vector<Case> cases() {
  std::vector<Case> v;
  const Shape sixteen{16, 32}, three{3, 16}, six{6, 16}, twelve{12, 20}, two{32, 64, 1, 16, 2},
      grouped{64, 64, 4}, wide{1024, 1024, 4, 8};
  auto name = [](const char *what, Shape s, int type) {
    return std::string(what) + " " + s.text() + " type " + std::to_string(type);
  };
  for (int kind : {kOpConvForward, kOpConvData, kOpConvFilter}) {
    for (auto &s : {sixteen, three, grouped})
      for (int type : {bf16, f16, f32})
        v.push_back({name("plain", s, type) + " " + std::to_string(kind),
                     plain(kind, s, type, type), "AF"});
    v.push_back(
        {"16 bits into float " + std::to_string(kind), plain(kind, {16, 16}, bf16, f32), "F"});
    v.push_back(
        {"alignment of 2 " + std::to_string(kind), plain(kind, {16, 16}, bf16, bf16, 2), "F"});
    v.push_back(
        {"sums in half " + std::to_string(kind), plain(kind, {16, 16}, bf16, bf16, 16, kHalf), ""});
    v.push_back({"whole numbers " + std::to_string(kind), plain(kind, {16, 16}, kInt8, kInt8), ""});
  }
  v.push_back({"float into 16 bits", plain(kOpConvForward, {16, 16}, f32, bf16), "F"});
  v.push_back({"dw of 3 channels in float", plain(kOpConvFilter, {3, 16}, bf16, f32), ""});
  v.push_back({"dw of many channels in groups", plain(kOpConvFilter, wide, bf16, bf16), "F"});
  for (auto &s : {sixteen, six, twelve, two, grouped})
    for (auto b : {"identity", "statistics", "affine", "image"})
      for (bool prologue : {false, true})
        v.push_back({name(b, s, bf16) + (prologue ? " behind a prologue" : ""),
                     forward(s, bf16, prologue, b), "AF"});
  for (auto b : {"identity", "affine"})
    v.push_back({name(b, three, bf16), forward(three, bf16, false, b), "AF"});
  for (auto b : {"statistics", "image"})
    v.push_back({name(b, three, bf16), forward(three, bf16, false, b), "A"});
  for (auto b : {"identity", "statistics"}) {
    v.push_back({name(b, three, bf16) + " behind a prologue", forward(three, bf16, true, b), ""});
    v.push_back({name(b, three, f32) + " behind a prologue", forward(three, f32, true, b), "AF"});
  }
  for (auto &s : {sixteen, six, twelve, two, grouped})
    for (bool onto : {false, true}) {
      v.push_back({name(onto ? "dw onto float" : "dw into float", s, bf16),
                   filter(s, bf16, false, onto), "AF"});
      if (!onto)
        v.push_back({name("dw behind a prologue", s, bf16), filter(s, bf16, true, false), ""});
    }
  v.push_back({name("dw into float", three, bf16), filter(three, bf16, false, false), ""});
  v.push_back({name("dw into float", three, f32), filter(three, f32, false, false), "AF"});
  for (auto &s : {sixteen, six, twelve, two, grouped})
    for (auto b : {"identity", "relu", "add"})
      v.push_back({name((std::string("dx ") + b).c_str(), s, bf16), data(s, bf16, b), "AF"});
  for (auto b : {"identity", "relu", "add"})
    v.push_back({name((std::string("dx ") + b).c_str(), three, bf16), data(three, bf16, b), "F"});
  for (auto &s : {sixteen, grouped})
    v.push_back({name("dx per image", s, bf16), data(s, bf16, "image"), "AF"});
  for (auto &s : {three, six, twelve, two})
    v.push_back({name("dx per image", s, bf16), data(s, bf16, "image"), ""});
  for (int type : {bf16, f32})
    for (int64_t c : {3, 8}) {
      std::vector<int64_t> d{8, c, 16, 16}, k{1, c, 1, 1};
      std::string with = " of " + std::to_string(c) + " channels, type " + std::to_string(type);
      v.push_back(
          {"add" + with, g({pointwise(kAdd, t(1, d, type), t(2, d, type), t(3, d, type))}), "AF"});
      v.push_back({"add to channels" + with,
                   g({pointwise(kAdd, t(1, d, type), t(2, k, f32), t(3, d, type))}), "AF"});
      v.push_back({"per image" + with,
                   g({pointwise(kMul, t(1, d, type), t(2, {8, 1, 1, 1}, f32), t(3, d, type))}),
                   ""});
      v.push_back({"conversion" + with,
                   g({pointwise(kIdentity, t(1, d, type), nullptr, t(3, d, f32))}), "AF"});
      v.push_back({"sum to channels" + with,
                   g({reduction(kReduceAdd, t(1, d, type), t(2, k, f32))}), "AF"});
      v.push_back({"sum over positions" + with,
                   g({reduction(kReduceAdd, t(1, d, type), t(2, {8, c, 1, 1}, f32))}), ""});
      v.push_back({"largest of all" + with,
                   g({reduction(kReduceMax, t(1, d, type), t(2, {1, 1, 1, 1}, f32))}), "AF"});
      v.push_back({"largest of the channels" + with,
                   g({reduction(kReduceMax, t(1, d, type), t(2, {8, 1, 16, 16}, type))}),
                   type == f32 ? "AF" : ""});
      std::string whole = c % (type == f32 ? 4 : 8) ? "" : "AF";
      v.push_back({"norm" + with, norm(c, type, true, ""), whole});
      v.push_back({"norm, relu" + with, norm(c, type, true, "relu"), whole});
      v.push_back({"norm, add, relu" + with, norm(c, type, true, "add, relu"), whole});
      v.push_back({"norm, add" + with, norm(c, type, true, "add"), ""});
      v.push_back({"norm for inference" + with, norm(c, type, false, ""), "!"});
      v.push_back({"norm backward" + with, normBackward(c, type, false), whole});
      v.push_back({"norm backward behind ReLU's gradient of a stored x" + with,
                   normBackward(c, type, true), ""});
    }
  return v;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc > 2 && !dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL))
    return fprintf(stderr, "%s\n", dlerror()), 2;
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  auto card = device(kH100);
  size_t n = 0;
  for (auto &c : cases()) {
    EXPECT(!c.graph->status(), "%s: no graph (%s)", c.name.c_str(), api.last().c_str());
    std::string have;
    int status = 0;
    if (!heuristics(c.graph, kHeurA, card, &status).empty()) have += "A";
    if (status) have += "!";
    if (!heuristics(c.graph, kHeurFallback, card, &status).empty()) have += "F";
    EXPECT(have == c.want, "%s: want \"%s\", have \"%s\" (%s)", c.name.c_str(), c.want.c_str(),
           have.c_str(), api.last().substr(0, 300).c_str());
    n++;
  }
  printf("%zu graphs\n", n);
  return failures != 0;
}
