// Graphs: captured work, and its launch.
#include <algorithm>
#include <cstring>

#include "settings.h"
#include "state.h"

using namespace emu;

namespace {

// Positions of a graph's nodes and of their predecessors. Each node stands behind its predecessors,
// so this is an order, too.
std::vector<Exec::Step> steps_of(const Graph &g) {
  std::map<const Node *, int> at;
  std::vector<Exec::Step> steps;
  for (auto &n : g.nodes) {
    Exec::Step s{n->work, {}, n->handle};
    for (Node *a : n->after) s.after.push_back(at[a]);
    std::sort(s.after.begin(), s.after.end());
    at[n.get()] = int(steps.size());
    steps.push_back(std::move(s));
  }
  return steps;
}

// An order that the edges allow, another one each time: on a card, two nodes without a path between
// them may run in any order.
std::vector<int> shuffled(const std::vector<Exec::Step> &steps) {
  static unsigned long long launches = 0;
  const auto seed = (unsigned long long)(settings::number(-1, "seed", 1));
  unsigned long long r = seed * 0x9e3779b97f4a7c15ull + ++launches;
  std::vector<int> out, left(steps.size()), ready;
  std::vector<std::vector<int>> behind(steps.size());
  for (size_t i = 0; i < steps.size(); i++) {
    left[i] = int(steps[i].after.size());
    for (int a : steps[i].after) behind[size_t(a)].push_back(int(i));
    if (!left[i]) ready.push_back(int(i));
  }
  while (!ready.empty()) {
    r = r * 6364136223846793005ull + 1442695040888963407ull;
    const size_t pick = seed ? size_t(r >> 33) % ready.size() : 0;
    const int i = ready[pick];
    ready.erase(ready.begin() + long(pick));
    out.push_back(i);
    for (int b : behind[size_t(i)])
      if (--left[size_t(b)] == 0) ready.push_back(b);
  }
  return out;
}

// A copy of w with other parameters of its kernel.
CUresult change(const Work &w, const CUDA_KERNEL_NODE_PARAMS_v2 *p,
                std::shared_ptr<const Work> *out) {
  auto f = get<Function>(kFunction, p->func);
  if (!f || !p->kernelParams || p->extra)
    return !f ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE;
  if (w.type != CU_GRAPH_NODE_TYPE_KERNEL || w.library) return CUDA_ERROR_INVALID_VALUE;
  auto n = std::make_shared<Work>(w);
  n->function = f;
  const unsigned grid[3] = {p->gridDimX, p->gridDimY, p->gridDimZ},
                 block[3] = {p->blockDimX, p->blockDimY, p->blockDimZ};
  memcpy(n->grid, grid, sizeof grid), memcpy(n->block, block, sizeof block);
  n->dynamic = p->sharedMemBytes;
  if (auto e = validate(*f, *n)) return e;
  if (auto e = pack(*f, p->kernelParams, n->args)) return e;
  *out = n;
  return CUDA_SUCCESS;
}

CUresult list(const std::vector<CUgraphNode> &from, CUgraphNode *nodes, size_t *n) {
  if (!n) return CUDA_ERROR_INVALID_VALUE;
  if (nodes)
    for (size_t i = 0; i < *n; i++) nodes[i] = i < from.size() ? from[i] : nullptr;
  *n = nodes ? std::min(*n, from.size()) : from.size();
  return CUDA_SUCCESS;
}

}  // namespace

SK_API CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                            unsigned long long flags) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto g = get<Graph>(kGraph, graph);
  if (!g || !exec) return !exec ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  if (flags & ~15ull) return CUDA_ERROR_INVALID_VALUE;
  auto x = std::make_shared<Exec>();
  x->context = in.context.get();
  x->steps = steps_of(*g);
  give(kExec, x);
  *exec = as_handle<CUgraphExec>(*x);
  count("instantiate");
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  return find(kExec, exec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

SK_API CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto s = stream_of(in, stream);
  if (!s) return in.error;
  auto x = get<Exec>(kExec, exec);
  if (!x) return CUDA_ERROR_INVALID_HANDLE;
  if (x->context != s->context) return CUDA_ERROR_INVALID_VALUE;
  if (s->capture) {  // a card would make it a child graph
    if (!s->capture->valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    invalidate(*s->capture);
    say("cuGraphLaunch in a capture: child graphs are not emulated");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  if (s->legacy)
    if (auto e = forbid(in, s.get())) return e;
  count("graph_launch");
  relieve(in.lock, *s);
  // At most one launch of a graph runs at a time.
  if (x->last && x->last->state != Op::kDone) s->waits.push_back(x->last);
  std::vector<std::shared_ptr<const Work>> work;
  std::vector<int> at(x->steps.size()), primary;
  for (int i : shuffled(x->steps)) {
    const Exec::Step &step = x->steps[size_t(i)];
    at[size_t(i)] = int(work.size());
    work.push_back(step.work);
    primary.push_back(step.work->programmatic && !step.after.empty() ? at[size_t(step.after[0])]
                                                                     : -1);
  }
  x->last = enqueue(*s, std::move(work), std::move(primary));
  x->last->graph = true;
  return in.context->error;
}

SK_API CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph,
                                     CUgraphExecUpdateResultInfo *info) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto x = get<Exec>(kExec, exec);
  auto g = get<Graph>(kGraph, graph);
  if (!x || !g) return CUDA_ERROR_INVALID_HANDLE;
  if (!info) return CUDA_ERROR_INVALID_VALUE;
  *info = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  auto steps = steps_of(*g);
  auto refuse = [&](CUgraphExecUpdateResult why, size_t i) {
    info->result = why;
    if (i < steps.size()) info->errorNode = reinterpret_cast<CUgraphNode>(steps[i].node);
    return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  };
  if (steps.size() != x->steps.size())
    return refuse(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, steps.size());
  for (size_t i = 0; i < steps.size(); i++) {
    const Work &a = *x->steps[i].work, &b = *steps[i].work;
    if (steps[i].after != x->steps[i].after)
      return refuse(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, i);
    if (a.type != b.type) return refuse(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, i);
    if (a.cooperative != b.cooperative || a.programmatic != b.programmatic)
      return refuse(CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED, i);
  }
  x->steps = std::move(steps);
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphExecDestroy(CUgraphExec exec) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto x = get<Exec>(kExec, exec);
  if (!x) return CUDA_ERROR_INVALID_HANDLE;
  drop(x->handle);
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphDestroy(CUgraph graph) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto g = get<Graph>(kGraph, graph);
  if (!g) return CUDA_ERROR_INVALID_HANDLE;
  for (auto &n : g->nodes) drop(n->handle);
  drop(g->handle);
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *n) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto g = get<Graph>(kGraph, graph);
  if (!g) return CUDA_ERROR_INVALID_HANDLE;
  std::vector<CUgraphNode> all;
  for (auto &node : g->nodes) all.push_back(as_handle<CUgraphNode>(*node));
  return list(all, nodes, n);
}

SK_API CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                                   CUgraphEdgeData *data, size_t *n) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto g = get<Graph>(kGraph, graph);
  if (!g) return CUDA_ERROR_INVALID_HANDLE;
  if (!n || !from != !to) return CUDA_ERROR_INVALID_VALUE;
  std::vector<CUgraphNode> a, b;
  std::vector<CUgraphEdgeData> edges;
  for (auto &node : g->nodes)
    for (Node *before : node->after) {
      a.push_back(as_handle<CUgraphNode>(*before)), b.push_back(as_handle<CUgraphNode>(*node));
      CUgraphEdgeData d = {};
      if (node->work->programmatic)
        d.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC,
        d.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
      edges.push_back(d);
    }
  if (from && data) std::copy_n(edges.begin(), std::min(*n, edges.size()), data);
  size_t m = *n;
  if (to) list(b, to, &m);
  return list(a, from, n);
}
SK_API CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *n) {
  return cuGraphGetEdges_v2(graph, from, to, nullptr, n);
}

SK_API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto n = get<Node>(kNode, node);
  if (!n) return CUDA_ERROR_INVALID_HANDLE;
  if (!type) return CUDA_ERROR_INVALID_VALUE;
  *type = n->work->type;
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v2 *p) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto n = get<Node>(kNode, node);
  if (!n) return CUDA_ERROR_INVALID_HANDLE;
  const Work &w = *n->work;
  if (!p || w.type != CU_GRAPH_NODE_TYPE_KERNEL) return CUDA_ERROR_INVALID_VALUE;
  *p = {};
  p->func = w.function ? as_handle<CUfunction>(*w.function) : nullptr;
  p->gridDimX = w.grid[0], p->gridDimY = w.grid[1], p->gridDimZ = w.grid[2];
  p->blockDimX = w.block[0], p->blockDimY = w.block[1], p->blockDimZ = w.block[2];
  p->sharedMemBytes = w.dynamic;
  if (!w.library) n->pointers = unpack(*w.function, w.args), p->kernelParams = n->pointers.data();
  return CUDA_SUCCESS;
}

SK_API CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node,
                                              const CUDA_KERNEL_NODE_PARAMS_v2 *p) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto n = get<Node>(kNode, node);
  if (!n) return CUDA_ERROR_INVALID_HANDLE;
  return p ? change(*n->work, p, &n->work) : CUDA_ERROR_INVALID_VALUE;
}

SK_API CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                  const CUDA_KERNEL_NODE_PARAMS_v2 *p) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto x = get<Exec>(kExec, exec);
  if (!x) return CUDA_ERROR_INVALID_HANDLE;
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  for (auto &s : x->steps)
    if (s.node == uintptr_t(node)) return change(*s.work, p, &s.work);
  return CUDA_ERROR_INVALID_VALUE;
}
