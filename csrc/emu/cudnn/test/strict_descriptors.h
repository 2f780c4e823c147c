// Refusals of descriptors, tensors and convolutions; see strict_test.cc.
#pragma once
#include "strict.h"

namespace {

std::vector<Case> descriptorCases() {
  return {
      // The descriptors themselves.
      {"a descriptor of an unknown type",
       [] {
         void *d;
         return api.descCreate(999, &d);
       },
       kHostAllocationFailed},
      {"no place for a descriptor", [] { return api.descCreate(kTensor, nullptr); }, kDies},
      {"set on no descriptor", [] { return api.set(nullptr, kTensorUid, kTypeInt64, 1, &five); },
       kNullPointer},
      {"finalize no descriptor", [] { return api.finalize(nullptr); }, kNullPointer},
      {"destroy no descriptor", [] { return api.descDestroy(nullptr); }, kNullPointer},
      {"set on a destroyed descriptor",
       [] {
         void *d;
         api.descCreate(kTensor, &d);
         api.descDestroy(d);
         return api.set(d, kTensorUid, kTypeInt64, 1, &five);
       },
       kDies},
      {"an attribute's wrong type", [] { return raw(kTensor, kTensorUid, kTypeDouble, 1, &five); },
       kAttributeType},
      {"an attribute's unknown type", [] { return raw(kTensor, kTensorUid, 99, 1, &five); },
       kAttributeType},
      {"a flag as a number", [] { return raw(kTensor, kTensorVirtual, kTypeInt64, 1, &five); },
       kAttributeType},
      {"two of one",
       [] {
         int64_t v[2] = {1, 2};
         return raw(kTensor, kTensorUid, kTypeInt64, 2, v);
       },
       kBadParam},
      {"none of one", [] { return raw(kTensor, kTensorUid, kTypeInt64, 0, &five); }, kBadParam},
      {"no elements", [] { return raw(kTensor, kTensorUid, kTypeInt64, 1, nullptr); }, kBadParam},
      {"another kind's attribute",
       [] { return raw(kTensor, kConvFwdAlpha, kTypeDouble, 1, &five); }, kBadParam},
      {"an attribute that is none", [] { return raw(kTensor, 99999, kTypeInt64, 1, &five); },
       kBadParam},
      {"set after finalize",
       [] {
         auto d = t(1, X);
         return api.set(d->get(), kTensorUid, kTypeInt64, 1, &five);
       },
       kBadParam},
      {"finalize twice",
       [] {
         auto d = t(1, X);
         return api.finalize(d->get());
       },
       kBadParam},
      {"get before finalize",
       [] {
         auto d = desc(kTensor);
         int64_t v, n;
         return api.get(d->get(), kTensorUid, kTypeInt64, 1, &n, &v);
       },
       kNotInitialized},
      {"get as another type",
       [] {
         auto d = t(1, X);
         int64_t v, n;
         return api.get(d->get(), kTensorUid, kTypeFloat, 1, &n, &v);
       },
       kAttributeType},
      {"get what is not there",
       [] {
         auto d = t(1, X);
         int64_t v, n;
         return api.get(d->get(), kConvFwdAlpha, kTypeInt64, 1, &n, &v);
       },
       kBadParam},
      {"set what can be read only",
       [] { return raw(kExecutionPlan, kPlanWorkspace, kTypeInt64, 1, &five); }, kNotSupported},

      // Tensors.
      {"tensor: no id", [] { return tensorWithout(kTensorUid); }, kBadParam, kSuccess},
      {"tensor: no data type", [] { return tensorWithout(kTensorDataType); }, kBadParam, kSuccess},
      {"tensor: no alignment", [] { return tensorWithout(kTensorAlignment); }, kBadParam},
      {"tensor: no dimensions", [] { return tensorWithout(kTensorDims); }, kBadParam},
      {"tensor: no strides", [] { return tensorWithout(kTensorStrides); }, kBadParam},
      {"tensor: nine dimensions",
       [] {
         std::vector<int64_t> v(9, 1);
         return tensor({1, v, v})->status();
       },
       kBadParam},
      {"tensor: dimensions without strides", [] { return tensor({1, X, {1, 1, 1}})->status(); },
       kBadParam},
      {"tensor: a dimension of 0", [] { return tensor({1, {2, 0, 6, 6}, {1, 1, 1, 1}})->status(); },
       kBadParam, kSuccess},
      {"tensor: a negative dimension",
       [] { return tensor({1, {2, -1, 6, 6}, {1, 1, 1, 1}})->status(); }, kBadParam},
      {"tensor: a negative stride", [] { return tensor({1, X, {-1, 1, 1, 1}})->status(); },
       kBadParam},
      {"tensor: elements that overlap", [] { return tensor({1, X, {1, 1, 1, 1}})->status(); },
       kBadParam, kSuccess},
      {"tensor: alignment below the element",
       [] { return tensor({1, X, nhwc(X), kFloat, false, false, 2})->status(); }, kBadParam},
      {"tensor: alignment that is no multiple",
       [] { return tensor({1, X, nhwc(X), kHalf, false, false, 3})->status(); }, kBadParam},
      {"tensor: alignment of 0",
       [] { return tensor({1, X, nhwc(X), kHalf, false, false, 0})->status(); }, kBadParam},
      {"tensor: an unknown data type", [] { return t(1, X, 77)->status(); }, kDies},
      {"tensor: a vectorized data type", [] { return t(1, X, kInt8x4)->status(); }, kNotSupported},
      {"tensor: by value and more than one",
       [] { return tensor({1, X, nhwc(X), kFloat, false, true})->status(); }, kBadParam},

      // Convolutions.
      {"convolution: no compute type", [] { return convolutionWithout(kConvCompType); }, kBadParam,
       kSuccess},
      {"convolution: no mode", [] { return convolutionWithout(kConvMode); }, kBadParam, kSuccess},
      {"convolution: no number of dimensions", [] { return convolutionWithout(kConvSpatialDims); },
       kBadParam},
      {"convolution: no strides", [] { return convolutionWithout(kConvStrides); }, kBadParam},
      {"convolution: no dilations", [] { return convolutionWithout(kConvDilations); }, kBadParam},
      {"convolution: no padding in front", [] { return convolutionWithout(kConvPrePads); },
       kBadParam, kSuccess},
      {"convolution: no padding behind", [] { return convolutionWithout(kConvPostPads); },
       kBadParam, kSuccess},
      {"convolution: negative padding", [] { return convolution({{-1, 1}, {1, 1}})->status(); },
       kBadParam},
      {"convolution: stride 0", [] { return convolution({{1, 1}, {1, 1}, {0, 1}})->status(); },
       kBadParam},
      {"convolution: dilation 0",
       [] { return convolution({{1, 1}, {1, 1}, {1, 1}, {0, 1}})->status(); }, kBadParam},
      {"convolution: three paddings of two",
       [] { return convolution({{1, 1, 1}, {1, 1}})->status(); }, kBadParam},
      {"convolution: an unknown mode",
       [] { return convolution({{1, 1}, {1, 1}, {1, 1}, {1, 1}, kFloat, 7})->status(); }, kBadParam,
       kSuccess},
      {"forward: no convolution", [] { return forwardWithout(kConvFwdDesc); }, kBadParam},
      {"forward: no x", [] { return forwardWithout(kConvFwdX); }, kBadParam},
      {"forward: no w", [] { return forwardWithout(kConvFwdW); }, kBadParam},
      {"forward: no y", [] { return forwardWithout(kConvFwdY); }, kBadParam},
      {"forward: no alpha", [] { return forwardWithout(kConvFwdAlpha); }, kBadParam, kSuccess},
      {"forward: no beta", [] { return forwardWithout(kConvFwdBeta); }, kBadParam, kSuccess},
      {"forward: null for a child",
       [] { return raw(kOpConvForward, kConvFwdX, kTypeDescriptor, 1, &none); }, kBadParam,
       kSuccess, kBadParam},
      {"forward: a child that is not finalized",
       [] { return fwd(desc(kTensor), t(2, W), t(3, Y))->status(); }, kBadParam},
      {"forward: a child finalized after it was set",
       [] {
         auto x = desc(kTensor), w = t(2, W), y = t(3, Y), c = convolution(padded()),
              d = desc(kOpConvForward);
         x->i64(kTensorUid, {1})
             .type(kTensorDataType, kBfloat16)
             .i64(kTensorAlignment, {16})
             .i64(kTensorDims, X)
             .i64(kTensorStrides, nhwc(X));
         d->child(kConvFwdX, *x)
             .child(kConvFwdW, *w)
             .child(kConvFwdY, *y)
             .child(kConvFwdDesc, *c)
             .f32(kConvFwdAlpha, 1)
             .f32(kConvFwdBeta, 0);
         x->finalize();
         return d->finalize().status();
       },
       kBadParam},
      {"forward: a child destroyed after it was set",
       [] {
         auto d = desc(kOpConvForward);
         auto x = t(1, X), w = t(2, W), y = t(3, Y), c = convolution(padded());
         d->child(kConvFwdX, *x)
             .child(kConvFwdW, *w)
             .child(kConvFwdY, *y)
             .child(kConvFwdDesc, *c)
             .f32(kConvFwdAlpha, 1)
             .f32(kConvFwdBeta, 0);
         x = w = y = c = nullptr;
         return d->finalize().status();
       },
       kSuccess},
      {"forward: a tensor for a convolution",
       [] { return conv(kOpConvForward, t(1, X), t(1, X), t(2, W), t(3, Y))->status(); },
       kBadParam},
      {"forward: a convolution for a tensor",
       [] { return fwd(convolution(padded()), t(2, W), t(3, Y))->status(); }, kBadParam, kDies,
       kBadParam},
      {"forward: alpha as a whole number",
       [] { return raw(kOpConvForward, kConvFwdAlpha, kTypeInt64, 1, &five); }, kAttributeType,
       kBadParam},
      {"forward: rows that do not fit",
       [] { return fwd(t(1, X), t(2, W), t(3, {2, 16, 5, 6}))->status(); }, kBadParam},
      {"forward: images that do not fit",
       [] { return fwd(t(1, X), t(2, W), t(3, {3, 16, 6, 6}))->status(); }, kBadParam},
      {"forward: filters that do not fit", [] { return fwd(t(1, X), t(2, W), t(3, X))->status(); },
       kBadParam},
      {"forward: channels that are no multiple",
       [] { return fwd(t(1, X), t(2, {16, 3, 3, 3}), t(3, Y))->status(); }, kBadParam},
      {"forward: filters that do not divide into groups",
       [] { return fwd(t(1, X), t(2, {15, 4, 3, 3}), t(3, {2, 15, 6, 6}))->status(); }, kBadParam},
      {"forward: three dimensions",
       [] { return fwd(tensor({1, {2, 8, 6}, {48, 1, 8}}), t(2, W), t(3, Y))->status(); },
       kBadParam},
      {"forward: a window larger than the image",
       [] {
         return conv(kOpConvForward, convolution({}), t(1, {2, 8, 2, 2}), t(2, W),
                     t(3, {2, 16, 1, 1}))
             ->status();
       },
       kBadParam},
  };
}

}  // namespace
