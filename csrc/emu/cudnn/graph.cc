// Operation graphs: their connections, and an order to run them in.
#include <algorithm>
#include <set>

#include "handle.h"
#include "model.h"

namespace dnn {
using namespace abi;

namespace {

bool same(const Tensor &a, const Tensor &b) {
  return a.type == b.type && a.dims == b.dims && a.strides == b.strides && a.align == b.align &&
         a.isVirtual == b.isVirtual && a.byValue == b.byValue;
}

// sorted puts each operation behind the operations that write its inputs.
std::vector<OperationPtr> sorted(const Graph &g) {
  std::vector<OperationPtr> todo = g.ops, out;
  std::set<const Operation *> done;
  while (!todo.empty()) {
    auto ready = std::find_if(todo.begin(), todo.end(), [&](const OperationPtr &o) {
      return std::all_of(o->reads.begin(), o->reads.end(), [&](int a) {
        auto w = g.writer.find(o->t(a)->uid);
        return w == g.writer.end() || done.count(w->second);
      });
    });
    if (ready == todo.end()) refuse(kBadParam, "the operations form a cycle");
    done.insert(ready->get());
    out.push_back(*ready);
    todo.erase(ready);
  }
  return out;
}

void connected(const Graph &g) {
  std::map<int64_t, int64_t> up;
  auto root = [&](int64_t u) {
    while (up.count(u)) u = up[u];
    return u;
  };
  for (auto &o : g.ops)
    for (auto &p : o->tensors) {
      int64_t a = root(o->tensors.begin()->second->uid), b = root(p.second->uid);
      if (a != b) up[a] = b;
    }
  for (auto &p : g.tensors)
    if (root(p.first) != root(g.tensors.begin()->first))
      refuse(kBadParam, "%s has no connection with %s", show(*p.second).c_str(),
             show(*g.tensors.begin()->second).c_str());
}

}  // namespace

// makeGraph refuses several graphs that the library accepts and then computes nonsense with: one id
// for two tensors, a virtual tensor that no operation writes or reads, parts without connection.
std::shared_ptr<const void> makeGraph(const Content &c) {
  auto g = std::make_shared<Graph>();
  g->handle = c.pointer(kGraphHandle);
  if (c.has(kGraphHandle)) liveHandle(g->handle);
  for (auto &child : c.at(kGraphOps).children) {
    if (!child) refuse(kNotFinalized, "an operation was not finalized when it was set");
    if (!isOperation(child->kind))
      refuse(kDescriptorType, "a %s is no operation", kindName(child->kind));
    g->sources.push_back(child);
    g->ops.push_back(std::static_pointer_cast<const Operation>(child->made));
  }
  std::set<int64_t> read;
  for (auto &o : g->ops) {
    for (auto &p : o->tensors) {
      auto &known = g->tensors[p.second->uid];
      if (known && !same(*known, *p.second))
        refuse(kDuplicatedEntries, "one id for %s and %s", show(*known).c_str(),
               show(*p.second).c_str());
      known = p.second;
    }
    for (int a : o->reads) read.insert(o->t(a)->uid);
    for (int a : o->writes) {
      if (!g->writer.emplace(o->t(a)->uid, o.get()).second)
        refuse(kBadParam, "%s is written twice", show(*o->t(a)).c_str());
      for (int r : o->reads)
        if (o->t(r)->uid == o->t(a)->uid)
          refuse(kDuplicatedEntries, "%s is read and written by one operation",
                 show(*o->t(a)).c_str());
    }
  }
  for (auto &p : g->tensors) {
    if (!p.second->isVirtual) continue;
    if (!g->writer.count(p.first))
      refuse(kBadParam, "%s has no operation that writes it", show(*p.second).c_str());
    if (!read.count(p.first))
      refuse(kBadParam, "%s has no operation that reads it", show(*p.second).c_str());
  }
  connected(*g);
  g->ops = sorted(*g);
  return g;
}

}  // namespace dnn
