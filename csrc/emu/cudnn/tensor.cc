#include <algorithm>

#include "model.h"

namespace dnn {
using namespace abi;

int64_t Tensor::count() const {
  int64_t n = 1;
  for (auto d : dims) n *= d;
  return n;
}

int64_t Tensor::extent() const {
  int64_t last = 0;
  for (size_t i = 0; i < dims.size(); i++) last += (dims[i] - 1) * strides[i];
  return last + 1;
}

int64_t Tensor::bytes() const {
  return type == kBoolean ? (extent() + 7) / 8 : extent() * size(type);
}

bool Tensor::channelsLast() const { return dims.size() >= 3 && (strides[1] == 1 || dims[1] == 1); }

std::string show(const std::vector<int64_t> &v) {
  std::string s = "[";
  for (size_t i = 0; i < v.size(); i++) s += (i ? " " : "") + std::to_string(v[i]);
  return s + "]";
}

std::string show(const Tensor &t) {
  return "tensor " + std::to_string(t.uid) + " " + show(t.dims) + " " + typeName(t.type) +
         (t.isVirtual ? " virtual" : "");
}

// makeTensor is stricter than the library about mistakes that the library accepts: no type, no id,
// a dimension of zero, elements that overlap.
std::shared_ptr<const void> makeTensor(const Content &c) {
  auto t = std::make_shared<Tensor>();
  t->type = c.enumeration(kTensorDataType);
  if (!size(t->type)) die("%d is no data type", t->type);
  t->uid = c.i64(kTensorUid);
  t->dims = c.i64s(kTensorDims);
  t->strides = c.i64s(kTensorStrides);
  t->align = c.i64(kTensorAlignment);
  t->isVirtual = c.flag(kTensorVirtual);
  t->byValue = c.flag(kTensorByValue);
  if (t->dims.size() != t->strides.size())
    refuse(kBadParam, "tensor %ld: %zu dimensions and %zu strides", long(t->uid), t->dims.size(),
           t->strides.size());
  if (t->type == kInt8x4 || t->type == kUint8x4 || t->type == kInt8x32)
    refuse(kNotSupported, "tensor %ld: vectorized data types are not supported", long(t->uid));
  if (c.has(kTensorVectorCount) && c.i64(kTensorVectorCount) != 1)
    refuse(kNotSupported, "tensor %ld: vectors are not supported", long(t->uid));
  if (c.has(kTensorReordering) && c.enumeration(kTensorReordering) != 0)
    refuse(kNotSupported, "tensor %ld: reordering is not supported", long(t->uid));
  if (t->align <= 0 || t->align % size(t->type))
    refuse(kBadParam, "tensor %ld: alignment of %ld bytes, want a multiple of the element's %ld",
           long(t->uid), long(t->align), long(size(t->type)));
  int64_t n = 1;
  for (size_t i = 0; i < t->dims.size(); i++) {
    if (t->dims[i] < 1)
      refuse(kBadParam, "tensor %ld: dimension %zu is %ld", long(t->uid), i, long(t->dims[i]));
    if (t->strides[i] < 0)
      refuse(kBadParam, "tensor %ld: stride %zu is %ld", long(t->uid), i, long(t->strides[i]));
    if (n > (int64_t(1) << 40) / t->dims[i])
      refuse(kBadParam, "tensor %ld: %s are too many elements", long(t->uid),
             show(t->dims).c_str());
    n *= t->dims[i];
  }
  // In the order of strides, each dimension must step over all of the smaller ones.
  std::vector<size_t> order;
  for (size_t i = 0; i < t->dims.size(); i++)
    if (t->dims[i] > 1) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return t->strides[a] < t->strides[b]; });
  int64_t reach = 0;
  for (auto i : order) {
    if (t->strides[i] <= reach)
      refuse(kBadParam, "tensor %ld: strides %s of dimensions %s make elements overlap",
             long(t->uid), show(t->strides).c_str(), show(t->dims).c_str());
    reach += (t->dims[i] - 1) * t->strides[i];
  }
  if (t->byValue && (t->isVirtual || n != 1))
    refuse(kBadParam, "tensor %ld: by value, so want one element and not virtual, have %s",
           long(t->uid), show(*t).c_str());
  return t;
}

}  // namespace dnn
