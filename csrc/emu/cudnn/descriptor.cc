#include "descriptor.h"

#include <cstring>
#include <mutex>
#include <unordered_set>

#include "../../load/cudnn.h"

namespace dnn {
namespace {
using namespace abi;

// The descriptors that exist, so that a freed one is recognised.
std::mutex mutex;
std::unordered_set<void *> &registry() {
  static auto *s = new std::unordered_set<void *>;
  return *s;
}

int64_t elementSize(int type) {
  switch (type) {
  case kTypeBoolean:
  case kTypeChar: return 1;
  case kTypeInt64:
  case kTypeDouble:
  case kTypeVoidPtr:
  case kTypeHandle:
  case kTypeDescriptor: return 8;
  case kTypeFraction: return 16;
  default: return 4;
  }
}

}  // namespace

const char *attrName(int attr) {
  switch (attr) {
#define SK_NAME(name, value) \
  case value: return #name;
    SK_CUDNN_PLAN_ATTRIBUTES(SK_NAME)
    SK_CUDNN_CONV_ATTRIBUTES(SK_NAME)
    SK_CUDNN_ELEMENTWISE_ATTRIBUTES(SK_NAME)
    SK_CUDNN_NORM_ATTRIBUTES(SK_NAME) default : return "an attribute without a name here";
  }
}

const char *kindName(int kind) {
  switch (kind) {
    SK_CUDNN_DESCRIPTORS(SK_NAME)
#undef SK_NAME
  default: return "a descriptor without a name here";
  }
}

const Value &Content::at(int attr) const {
  auto i = attrs.find(attr);
  if (i == attrs.end()) refuse(kBadParam, "%s is not set", attrName(attr));
  return i->second;
}

std::vector<int64_t> Content::i64s(int attr) const {
  auto &v = at(attr);
  std::vector<int64_t> out;
  if (v.type == kTypeFraction) {
    for (int64_t i = 0; i < v.count; i++) {
      int64_t q[2];
      memcpy(q, v.bytes.data() + 16 * i, 16);
      if (!q[1] || q[0] % q[1])
        refuse(kNotSupported, "%s: the fraction %ld/%ld is no whole number", attrName(attr),
               long(q[0]), long(q[1]));
      out.push_back(q[0] / q[1]);
    }
    return out;
  }
  out.resize(size_t(v.count));
  memcpy(out.data(), v.bytes.data(), v.bytes.size());
  return out;
}

int Content::enumeration(int attr) const {
  int e;
  memcpy(&e, at(attr).bytes.data(), 4);
  return e;
}

bool Content::flag(int attr) const { return has(attr) && at(attr).bytes[0] != 0; }

double Content::real(int attr, double otherwise) const {
  if (!has(attr)) return otherwise;
  auto &v = at(attr);
  double d;
  float f;
  if (v.type == kTypeDouble) return memcpy(&d, v.bytes.data(), 8), d;
  return memcpy(&f, v.bytes.data(), 4), f;
}

void *Content::pointer(int attr) const { return has(attr) ? pointers(attr)[0] : nullptr; }

std::vector<void *> Content::pointers(int attr) const {
  auto &v = at(attr);
  std::vector<void *> out(size_t(v.count));
  memcpy(out.data(), v.bytes.data(), v.bytes.size());
  return out;
}

std::string Content::text(int attr) const {
  auto &v = at(attr);
  return std::string(v.bytes.begin(), v.bytes.end());
}

ContentPtr Content::child(int attr, int kind) const {
  auto &v = at(attr);
  if (!v.children[0]) refuse(kBadParam, "%s was not finalized when it was set", attrName(attr));
  if (v.children[0]->kind != kind)
    refuse(kBadParam, "%s: want a %s, have a %s", attrName(attr), kindName(kind),
           kindName(v.children[0]->kind));
  return v.children[0];
}

Descriptor *createDescriptor(int kind) {
  if (fields(kind).empty() && kind != kLayoutInfo && kind != kKnobInfo && kind != kIntermediateInfo)
    refuse(kind >= 0 && kind < kKindCount ? kNotSupported : kHostAllocationFailed,
           "descriptor type %d is not known here", kind);
  auto d = new Descriptor{std::make_shared<Content>()};
  d->content->kind = kind;
  std::lock_guard<std::mutex> lock(mutex);
  registry().insert(d);
  return d;
}

void destroyDescriptor(Descriptor *d) {
  live(d);
  {
    std::lock_guard<std::mutex> lock(mutex);
    registry().erase(d);
  }
  delete d;
}

std::shared_ptr<Content> live(void *d) {
  if (!d) refuse(kNullPointer, "the descriptor is null");
  std::lock_guard<std::mutex> lock(mutex);
  if (!registry().count(d)) die("%p is no live descriptor (destroyed before?)", d);
  return static_cast<Descriptor *>(d)->content;
}

void setAttribute(Content &c, int attr, int type, int64_t count, const void *elements) {
  if (c.finalized)
    refuse(kBadParam, "%s: set after finalize of the %s", attrName(attr), kindName(c.kind));
  const Field *f = field(c.kind, attr);
  if (!f)
    refuse(kBadParam, "a %s has no attribute %d (%s)", kindName(c.kind), attr, attrName(attr));
  if (f->readOnly) refuse(kNotSupported, "%s can be read only", attrName(attr));
  if (type != f->type && type != f->other)
    refuse(kAttributeType, "%s: want type %d, have %d", attrName(attr), f->type, type);
  if (count < 1 || count > f->most)
    refuse(kBadParam, "%s: %ld elements, want 1 to %ld", attrName(attr), long(count),
           long(f->most));
  if (!elements) refuse(kBadParam, "%s: the elements are null", attrName(attr));
  Value v;
  v.type = type;
  v.count = count;
  if (type == kTypeDescriptor) {
    for (int64_t i = 0; i < count; i++) {
      void *p = static_cast<void *const *>(elements)[i];
      if (!p) refuse(kBadParam, "%s: element %ld is null", attrName(attr), long(i));
      auto child = live(p);
      v.children.push_back(child->finalized ? ContentPtr(child) : nullptr);
    }
  } else {
    auto p = static_cast<const unsigned char *>(elements);
    v.bytes.assign(p, p + count * elementSize(type));
  }
  c.attrs[attr] = std::move(v);
}

void storedAttribute(const Value &v, int64_t room, int64_t *count, void *elements) {
  if (count) *count = v.count;
  if (!elements || room <= 0) return;
  if (v.type == kTypeDescriptor)
    refuse(kNotSupported, "this descriptor attribute is not read back");
  int64_t n = std::min(room, v.count);
  memcpy(elements, v.bytes.data(), size_t(n * elementSize(v.type)));
}

}  // namespace dnn
