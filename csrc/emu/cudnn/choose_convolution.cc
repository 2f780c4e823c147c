// The engines of convolutions on their own.
#include "choose.h"

namespace dnn {
using namespace abi;

// A plain convolution: x, w and y are of one type, sums are in float. 16-bit inputs with a float
// output, or the reverse, run on one fallback engine. A filter gradient of such types does not run
// at all if its channels are not whole 4 bytes.
Choice chooseConvolution(const Operation &o, bool isAligned) {
  auto &x = o.x(), &w = o.w(), &y = o.y();
  if (o.conv.w.stride.size() != 2)
    return no(kNotSupported, "convolutions of two spatial dimensions only");
  if (o.conv.comp != kFloat)
    return no(kNotSupported, format("compute type %s, want float", typeName(o.conv.comp)));
  const Tensor &out = *o.t(o.writes[0]), &in = *o.t(o.reads[0]), &in2 = *o.t(o.reads[1]);
  if (!isFloating(in.type) || !isFloating(out.type) || in.type != in2.type)
    return no(kNotSupported,
              format("data types %s %s %s", typeName(x.type), typeName(w.type), typeName(y.type)));
  Choice c;
  if (out.type != in.type) {
    if (o.kind == kOpConvFilter && w.dims[1] * size(x.type) % 4)
      return no(kNotSupported,
                "a filter gradient of another type, and channels that are no whole 4 bytes");
    if (is16(out.type) && is16(in.type))
      return no(kNotSupported, "two 16-bit types in one convolution");
    c.fallback = {tensorOp(kDirect)};
    c.why = "no engine but a fallback takes these data types";
    return c;
  }
  int64_t columns = 4 * o.groups() * y.dims[2] * y.dims[3] * w.dims[1] * w.dims[2] * w.dims[3];
  Candidate fallback = plain(kDirect), atomics = plain(kAtomics);
  fallback.workspace = columns;
  atomics.notes = is16(x.type) ? std::vector<int>{kNoteReducedPrecision, kNoteNondeterministic}
                               : std::vector<int>{kNoteNondeterministic};
  atomics.nondeterministic = true;
  atomics.workspace = o.kind == kOpConvFilter ? 4 * w.count() : 0;
  c.fallback = {fallback};
  if (o.kind != kOpConvForward) c.fallback.push_back(atomics);
  if (!isAligned) {
    c.why = "pointers of less than 16 bytes alignment";
    return c;
  }
  // Tensor cores need channels in whole 16 bytes; other tensors get a padded copy.
  int64_t per = 16 / size(x.type), pad = 0;
  if (w.dims[1] % per || (w.dims[0] / o.groups()) % per || !dense(x) || !dense(y))
    pad = size(x.type) * (x.count() + y.count()) * 2;
  c.a = {tensorOp(kTensorOpWorkspace, columns), tensorOp(pad ? kPadding : kTensorOp, pad),
         plain(kFma)};
  if (o.kind != kOpConvForward) c.a.push_back(atomics);
  c.b = {tensorOp(pad ? kPadding : kTensorOp, pad), plain(kFma)};
  // A filter gradient of many channels in groups has engines in the other modes only.
  if (o.kind == kOpConvFilter && o.groups() > 1 && x.dims[1] >= 1024 && is16(x.type))
    c.a.clear(), c.why = "this mode knows no filter gradient of so many channels in groups";
  return c;
}

}  // namespace dnn
