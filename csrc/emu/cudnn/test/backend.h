// A thin C++ interface to a cuDNN backend library opened at run time, for the tests: to the
// stand-in and to the real one alike.
#pragma once
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../abi.h"

using namespace abi;

// Api is the table of the functions that the tests call.
struct Api {
  void *so = nullptr;
  int (*create)(void **) = nullptr;
  int (*destroy)(void *) = nullptr;
  int (*setStream)(void *, void *) = nullptr;
  int (*getStream)(void *, void **) = nullptr;
  size_t (*version)() = nullptr;
  const char *(*errorString)(int) = nullptr;
  void (*lastError)(char *, size_t) = nullptr;
  int (*descCreate)(int, void **) = nullptr;
  int (*descDestroy)(void *) = nullptr;
  int (*finalize)(void *) = nullptr;
  int (*set)(void *, int, int, int64_t, const void *) = nullptr;
  int (*get)(void *, int, int, int64_t, int64_t *, void *) = nullptr;
  int (*execute)(void *, void *, void *) = nullptr;

  // open loads the library at path; without it the test ends.
  void open(const char *path) {
    so = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!so) {
      fprintf(stderr, "%s\n", dlerror());
      exit(2);
    }
    symbol(create, "cudnnCreate");
    symbol(destroy, "cudnnDestroy");
    symbol(setStream, "cudnnSetStream");
    symbol(getStream, "cudnnGetStream");
    symbol(version, "cudnnGetVersion");
    symbol(errorString, "cudnnGetErrorString");
    symbol(lastError, "cudnnGetLastErrorString");
    symbol(descCreate, "cudnnBackendCreateDescriptor");
    symbol(descDestroy, "cudnnBackendDestroyDescriptor");
    symbol(finalize, "cudnnBackendFinalize");
    symbol(set, "cudnnBackendSetAttribute");
    symbol(get, "cudnnBackendGetAttribute");
    symbol(execute, "cudnnBackendExecute");
  }
  template <class F> void symbol(F &f, const char *name) {
    f = reinterpret_cast<F>(dlsym(so, name));
    if (!f) {
      fprintf(stderr, "%s: %s\n", name, dlerror());
      exit(2);
    }
  }
  std::string last() const {
    char text[4096] = "";
    lastError(text, sizeof text);
    return text;
  }
};
inline Api api;

// Desc owns a backend descriptor; it keeps the first status that is not success.
class Desc {
 public:
  explicit Desc(int kind) { keep(api.descCreate(kind, &d_)); }
  ~Desc() {
    if (d_) api.descDestroy(d_);
  }
  Desc(const Desc &) = delete;
  Desc &operator=(const Desc &) = delete;

  Desc &raw(int attr, int type, int64_t n, const void *v) {
    keep(api.set(d_, attr, type, n, v));
    return *this;
  }
  Desc &i64(int attr, std::vector<int64_t> v) {
    return raw(attr, kTypeInt64, int64_t(v.size()), v.data());
  }
  Desc &e(int attr, int type, int v) { return raw(attr, type, 1, &v); }
  Desc &type(int attr, int v) { return e(attr, kTypeDataType, v); }
  Desc &f32(int attr, float v) { return raw(attr, kTypeFloat, 1, &v); }
  Desc &f64(int attr, double v) { return raw(attr, kTypeDouble, 1, &v); }
  Desc &flag(int attr, bool v) { return raw(attr, kTypeBoolean, 1, &v); }
  Desc &ptr(int attr, void *v) { return raw(attr, kTypeVoidPtr, 1, &v); }
  Desc &child(int attr, const Desc &c) {
    void *p = c.d_;
    return raw(attr, kTypeDescriptor, 1, &p);
  }
  Desc &children(int attr, const std::vector<const Desc *> &cs) {
    std::vector<void *> p;
    for (auto c : cs) p.push_back(c->d_);
    return raw(attr, kTypeDescriptor, int64_t(p.size()), p.data());
  }
  Desc &text(int attr, const std::string &s, int64_t extra = 0) {
    return raw(attr, kTypeChar, int64_t(s.size()) + extra, s.c_str());
  }
  Desc &finalize() {
    keep(api.finalize(d_));
    return *this;
  }

  int status() const { return status_; }
  int clear() {
    int s = status_;
    status_ = 0;
    return s;
  }
  void *get() const { return d_; }

 private:
  void keep(int s) {
    if (!status_) status_ = s;
  }
  void *d_ = nullptr;
  int status_ = 0;
};
using DescPtr = std::shared_ptr<Desc>;
inline DescPtr desc(int kind) { return std::make_shared<Desc>(kind); }

// nhwc and nchw are the strides of an N C H W tensor in either layout.
inline std::vector<int64_t> nhwc(const std::vector<int64_t> &d) {
  return {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]};
}
inline std::vector<int64_t> nchw(const std::vector<int64_t> &d) {
  return {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};
}

// TensorSpec has the properties of a tensor that tests vary.
struct TensorSpec {
  int64_t uid;
  std::vector<int64_t> dims, strides;
  int type = kFloat;
  bool isVirtual = false, byValue = false;
  int64_t align = 16;
};
inline DescPtr tensor(const TensorSpec &t) {
  auto d = desc(kTensor);
  d->i64(kTensorUid, {t.uid})
      .type(kTensorDataType, t.type)
      .i64(kTensorAlignment, {t.align})
      .i64(kTensorDims, t.dims)
      .i64(kTensorStrides, t.strides);
  if (t.isVirtual) d->flag(kTensorVirtual, true);
  if (t.byValue) d->flag(kTensorByValue, true);
  d->finalize();
  return d;
}

struct ConvSpec {
  std::vector<int64_t> pre{0, 0}, post{0, 0}, stride{1, 1}, dilation{1, 1};
  int comp = kFloat, mode = kCrossCorrelation;
};
inline DescPtr convolution(const ConvSpec &c) {
  auto d = desc(kConvolution);
  d->type(kConvCompType, c.comp)
      .e(kConvMode, kTypeConvolutionMode, c.mode)
      .i64(kConvSpatialDims, {int64_t(c.stride.size())});
  d->i64(kConvPrePads, c.pre)
      .i64(kConvPostPads, c.post)
      .i64(kConvStrides, c.stride)
      .i64(kConvDilations, c.dilation)
      .finalize();
  return d;
}

// conv makes one of the three convolution operations: kOpConvForward (x w y), kOpConvData (dx w
// dy), kOpConvFilter (x dw dy).
inline DescPtr conv(int kind, const DescPtr &c, const DescPtr &x, const DescPtr &w,
                    const DescPtr &y, double alpha = 1, double beta = 0) {
  struct {
    int alpha, beta, desc, w, x, y;
  } a = {kConvFwdAlpha, kConvFwdBeta, kConvFwdDesc, kConvFwdW, kConvFwdX, kConvFwdY};
  if (kind == kOpConvData)
    a = {kConvDataAlpha, kConvDataBeta, kConvDataDesc, kConvDataW, kConvDataDx, kConvDataDy};
  if (kind == kOpConvFilter)
    a = {kConvFilterAlpha, kConvFilterBeta, kConvFilterDesc,
         kConvFilterDw,    kConvFilterX,    kConvFilterDy};
  auto d = desc(kind);
  d->child(a.desc, *c)
      .child(a.x, *x)
      .child(a.w, *w)
      .child(a.y, *y)
      .f64(a.alpha, alpha)
      .f64(a.beta, beta)
      .finalize();
  return d;
}

// pointwise makes y = mode(x, b); a backward mode takes (dy, x) and gives dx.
inline DescPtr pointwise(int mode, const DescPtr &x, const DescPtr &b, const DescPtr &y) {
  auto p = desc(kPointwise), d = desc(kOpPointwise);
  p->e(kPointwiseMode, kTypePointwiseMode, mode).type(kPointwiseMathPrec, kFloat).finalize();
  d->child(kOpPwDesc, *p);
  if (mode >= 200 && mode < 300) {
    d->child(kOpPwDy, *x).child(kOpPwX, *b).child(kOpPwDx, *y);
  } else {
    d->child(kOpPwX, *x).child(kOpPwY, *y);
    if (b) d->child(kOpPwB, *b);
  }
  d->finalize();
  return d;
}

inline DescPtr graph(void *handle, const std::vector<DescPtr> &ops) {
  auto d = desc(kOperationGraph);
  std::vector<const Desc *> p;
  for (auto &o : ops) p.push_back(o.get());
  d->children(kGraphOps, p);
  if (handle) d->raw(kGraphHandle, kTypeHandle, 1, &handle);
  d->finalize();
  return d;
}
inline DescPtr device(const std::string &json) {
  auto d = desc(kDeviceProp);
  d->text(kDevicePropJson, json).finalize();
  return d;
}

// heuristics asks for the engine configurations of a graph; card is the described device, null with
// a handle on a real one.
inline std::vector<DescPtr> heuristics(const DescPtr &g, int mode, const DescPtr &card = nullptr,
                                       int *status = nullptr, int64_t room = 64) {
  auto h = desc(kEngineHeuristic);
  h->child(kHeurGraph, *g).e(kHeurMode, kTypeHeurMode, mode);
  if (card) h->child(kHeurDeviceProp, *card);
  h->finalize();
  std::vector<DescPtr> out;
  std::vector<void *> p;
  for (int64_t i = 0; i < room; i++)
    out.push_back(desc(kEngineConfig)), p.push_back(out.back()->get());
  int64_t n = 0;
  int s = h->status() ? h->status()
                      : api.get(h->get(), kHeurResults, kTypeDescriptor, room, &n, p.data());
  if (status) *status = s;
  if (s) n = 0;
  out.resize(size_t(n));
  return out;
}

// plan makes an execution plan of a configuration. Its status tells whether it is finalized.
inline DescPtr plan(void *handle, const DescPtr &config, const DescPtr &card = nullptr) {
  auto d = desc(kExecutionPlan);
  d->child(kPlanConfig, *config);
  if (handle) d->raw(kPlanHandle, kTypeHandle, 1, &handle);
  if (card) d->child(kPlanDeviceProp, *card);
  d->finalize();
  return d;
}
inline DescPtr pack(const std::vector<int64_t> &uids, const std::vector<void *> &pointers,
                    void *workspace) {
  auto d = desc(kVariantPack);
  d->i64(kPackUids, uids)
      .raw(kPackPointers, kTypeVoidPtr, int64_t(pointers.size()), pointers.data())
      .ptr(kPackWorkspace, workspace)
      .finalize();
  return d;
}
inline int64_t number(const DescPtr &d, int attr) {
  int64_t v = -1, n = 0;
  return api.get(d->get(), attr, kTypeInt64, 1, &n, &v) ? -1 : v;
}
// notes are an engine configuration's numerical notes.
inline std::vector<int> notes(const DescPtr &config) {
  auto e = desc(kEngine);
  void *p = e->get();
  int64_t n = 0;
  std::vector<int> v(16);
  if (api.get(config->get(), kConfigEngine, kTypeDescriptor, 1, &n, &p)) return {};
  if (api.get(p, kEngineNumericalNote, kTypeNumericalNote, 16, &n, v.data())) return {};
  v.resize(size_t(n));
  return v;
}
