// The engines of batch norms.
#include <optional>

#include "choose.h"

namespace dnn {
using namespace abi;

namespace {

// The operations beside a batch norm: additions, ReLUs (or their gradients), masks, and norms that
// compute a ReLU's input again for its gradient.
struct Beside {
  int adds = 0, relus = 0, masks = 0, again = 0;
};

// shape says why no engine takes the norm's tensors.
std::optional<Choice> shape(const Operation &o, const Tensor &x) {
  if (o.mode != kBatchNorm) return no(kNotSupported, "of the norms only batch norm");
  if (o.kind == kOpNormForward && o.phase == kNormInference) {
    Choice c = no(kNotSupported, "batch norm for inference");
    c.status = kNotSupported;
    return c;
  }
  if (!isFloating(x.type) || x.dims.size() != 4)
    return no(kNotSupported, format("batch norm of %s", show(x).c_str()));
  if (!x.channelsLast() || !dense(x))
    return no(kNotSupported, "batch norm of a layout that is not channels last and dense");
  if (x.dims[1] % (16 / size(x.type)))
    return no(kNotSupported, format("%ld channels of %s are no whole 16 bytes", long(x.dims[1]),
                                    typeName(x.type)));
  for (auto &p : o.tensors)
    if (p.second->count() == x.dims[1] && p.second->count() != x.count() &&
        p.second->type != kFloat)
      return no(kNotSupported, format("%s, want float", show(*p.second).c_str()));
  return std::nullopt;
}

// countForward and countBackward count an operation beside a norm in b, if an engine takes it.
bool countForward(const Operation &other, Beside &b) {
  int mode = other.kind == kOpPointwise ? other.pw.mode : -1;
  if (mode != kAdd && mode != kReluFwd && mode != kCmpGt) return false;
  (mode == kAdd ? b.adds : mode == kReluFwd ? b.relus : b.masks)++;
  return true;
}

bool countBackward(const Operation &other, const Tensor &x, Beside &b) {
  int mode = other.kind == kOpPointwise ? other.pw.mode : -1;
  bool norm = other.kind == kOpNormForward && other.phase == kNormInference &&
              other.t(kNormFwdX)->uid == x.uid;
  if (mode == kReluBwd)
    b.relus++;
  else if (mode == kMul && other.t(kOpPwB)->type == kBoolean)
    b.masks++;
  else if (norm)
    b.again++;
  else
    return false;
  return true;
}

}  // namespace

// Batch norm in training, channels last, in whole 16 bytes. ReLU, or add and ReLU, may follow it,
// and a mask of that ReLU may be kept. The ReLU's gradient may stand before the norm's gradient, by
// such a mask or by the norm computed again.
Choice chooseNorm(const Graph &g, const Operation &o) {
  bool forward = o.kind == kOpNormForward;
  auto &x = *o.t(forward ? kNormFwdX : kNormBwdX);
  if (auto refusal = shape(o, x)) return *refusal;
  Beside b;
  for (auto &other : g.ops) {
    if (other.get() == &o) continue;
    if (!forward && other->kind == kOpPointwise && other->pw.mode == kReluBwd &&
        !other->t(kOpPwX)->isVirtual)
      return no(kNotSupportedGraphPattern,
                "ReLU's gradient before a batch norm's, of an x that is stored");
    if (!(forward ? countForward(*other, b) : countBackward(*other, x, b)))
      return no(kNotSupportedGraphPattern, format("%s beside a batch norm", kindName(other->kind)));
  }
  if (forward && (b.adds > 1 || b.relus > 1 || (b.adds && !b.relus) || b.masks > b.adds))
    return no(kNotSupportedGraphPattern,
              "behind a batch norm: ReLU, or add and ReLU and a mask, nothing else");
  if (!forward && (b.relus != b.again || b.relus + b.masks > 1))
    return no(kNotSupportedGraphPattern,
              "before a batch norm's gradient: ReLU's of the norm computed again, or a mask");
  Choice c;
  Candidate fast = plain(kNorm), slow = plain(kNormFallback);
  fast.workspace = 16 * x.dims[1] + 1024;
  slow.workspace = 16 * x.dims[1];
  c.a = {fast};
  c.fallback = {slow};
  return c;
}

}  // namespace dnn
