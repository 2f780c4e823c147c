// Backend descriptors: the attributes as they were set, and the typed content after finalizing.
//
// A parent copies its children when they are set, as the real library does. A child that is
// finalized afterwards is still unfinalized to the parent; one that is destroyed afterwards lives
// on in it.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "status.h"

namespace dnn {

struct Content;
using ContentPtr = std::shared_ptr<const Content>;

// Value is one attribute.
struct Value {
  int type = -1;
  int64_t count = 0;
  std::vector<unsigned char> bytes;
  std::vector<ContentPtr> children;
};

// Content is the state of a descriptor. Once finalized it does not change, and made is the typed
// object (a Tensor, a Graph, a Plan ...).
struct Content {
  int kind = -1;
  bool finalized = false;
  std::map<int, Value> attrs;
  std::shared_ptr<const void> made;

  bool has(int attr) const { return attrs.count(attr) != 0; }
  const Value &at(int attr) const;
  int64_t i64(int attr) const { return i64s(attr)[0]; }
  std::vector<int64_t> i64s(int attr) const;
  int enumeration(int attr) const;
  int enumeration(int attr, int otherwise) const {
    return has(attr) ? enumeration(attr) : otherwise;
  }
  bool flag(int attr) const;  // false if unset
  double real(int attr, double otherwise) const;
  void *pointer(int attr) const;  // null if unset
  std::vector<void *> pointers(int attr) const;
  std::string text(int attr) const;
  // child is the finalized descriptor of that kind at attr. An attribute that is unset, unfinalized
  // or of another kind is refused by name.
  ContentPtr child(int attr, int kind) const;
  template <class T> const T &of() const { return *static_cast<const T *>(made.get()); }
};

// made is the typed content of the child at attr, null if the attribute is unset.
template <class T> std::shared_ptr<const T> made(const Content &c, int attr, int kind) {
  if (!c.has(attr)) return nullptr;
  auto child = c.child(attr, kind);
  return std::static_pointer_cast<const T>(child->made);
}

// Descriptor is the object behind a cudnnBackendDescriptor_t.
struct Descriptor {
  std::shared_ptr<Content> content;
};

Descriptor *createDescriptor(int kind);
void destroyDescriptor(Descriptor *d);
// live returns d's content; a pointer that is not a live descriptor ends the process.
std::shared_ptr<Content> live(void *d);

// Field is an attribute of a kind of descriptor.
struct Field {
  int attr, type;
  int64_t most;    // largest number of elements
  bool required;   // refused by finalize when unset
  int other = -1;  // a second type that is accepted
  bool readOnly = false;
  bool operationChildren = false;
};
const std::vector<Field> &fields(int kind);
const Field *field(int kind, int attr);
const char *attrName(int attr);
const char *kindName(int kind);
bool isOperation(int kind);

void setAttribute(Content &c, int attr, int type, int64_t count, const void *elements);
// storedAttribute copies a set attribute out as cudnnBackendGetAttribute does. *count is the number
// of its elements; the copy has as many as fit.
void storedAttribute(const Value &v, int64_t room, int64_t *count, void *elements);

}  // namespace dnn
