// Stream capture and graphs.
#include <set>
#include <thread>

#include "harness.h"

static const char *const kAdd =
    "extern \"C\" __global__ void k(int *x, int add) { atomicAdd(x, add); }";

static CUstream stream(unsigned flags = CU_STREAM_NON_BLOCKING) {
  CUstream s;
  OK(cu.cuStreamCreateWithPriority(&s, flags, 0));
  return s;
}

static void record() {
  Kernel k(kAdd);
  Array<int> x(1);
  CUstream s = stream();
  x.put({0});
  int *pinned;
  OK(cu.cuMemHostAlloc(reinterpret_cast<void **>(&pinned), 4, 0));
  *pinned = 77;
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUstreamCaptureStatus status;
  OK(cu.cuStreamIsCapturing(s, &status));
  EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  OK(k(1, 2, s, x.p, 3));
  OK(cu.cuMemcpyDtoHAsync_v2(pinned, x.p, 4, s));
  OK(k(1, 1, s, x.p, 100));
  EQ(*pinned, 77);
  CUgraph g;
  OK(cu.cuStreamEndCapture(s, &g));
  EQ(x.take()[0], 0);  // recorded, not run
  CUgraphExec e;
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cu.cuGraphDestroy(g));
  for (int i = 1; i <= 3; i++) {
    OK(cu.cuGraphLaunch(e, s));
    EQ(*pinned, -1);  // poison until a call waits
    OK(cu.cuStreamSynchronize(s));
    EQ(*pinned, 106 * i - 100);
  }
  EQ(x.take()[0], 318);
  OK(cu.cuGraphExecDestroy(e));
  EQ(cu.cuGraphLaunch(e, s), CUDA_ERROR_INVALID_HANDLE);
  EQ(cu.cuGraphDestroy(g), CUDA_ERROR_INVALID_HANDLE);
  OK(cu.cuMemFreeHost(pinned));
}

// Two streams that part and join again; the test looks at the nodes and edges.
static CUgraph fork(Kernel &k, CUdeviceptr x, CUstream a, CUstream b, bool meet = true,
                    int twice = 0) {
  CUevent out, back;
  OK(cu.cuEventCreate(&out, CU_EVENT_DISABLE_TIMING));
  OK(cu.cuEventCreate(&back, CU_EVENT_DISABLE_TIMING));
  auto record = [&] {
    OK(cu.cuStreamBeginCapture_v2(a, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    OK(cu.cuMemsetD32Async(x, 0, 1, a));
    OK(cu.cuEventRecord(out, a));
    OK(cu.cuStreamWaitEvent(b, out, 0));
    OK(k(1, 1, b, x, 1));
    OK(k(1, 1, a, x, 10));
    for (int i = 0; i < twice; i++) OK(k(1, 1, a, x, 5));
    if (meet) {
      OK(cu.cuEventRecord(back, b));
      OK(cu.cuStreamWaitEvent(a, back, 0));
      OK(k(1, 1, a, x, 100));
    }
  };
  record();
  EQ(cu.cuEventQuery(out), CUDA_ERROR_CAPTURED_EVENT);
  CUgraph g;
  // The query of an event of a capture has spoilt the capture.
  EQ(cu.cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  record();
  EQ(cu.cuStreamEndCapture(a, &g), meet ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  OK(cu.cuEventDestroy_v2(out));
  OK(cu.cuEventDestroy_v2(back));
  return g;
}

static void shape() {
  Kernel k(kAdd);
  Array<int> x(1);
  CUstream a = stream(), b = stream();
  CUgraph g = fork(k, x.p, a, b);
  CUgraphNode nodes[10], from[10], to[10];
  CUgraphEdgeData data[10];
  size_t n = 0;
  OK(cu.cuGraphGetNodes(g, nullptr, &n));
  EQ(n, 4);
  n = 10;
  OK(cu.cuGraphGetNodes(g, nodes, &n));
  EQ(n, 4);
  CUgraphNodeType type;
  OK(cu.cuGraphNodeGetType(nodes[0], &type));
  EQ(type, CU_GRAPH_NODE_TYPE_MEMSET);
  OK(cu.cuGraphNodeGetType(nodes[3], &type));
  EQ(type, CU_GRAPH_NODE_TYPE_KERNEL);
  OK(cu.cuGraphGetEdges_v2(g, nullptr, nullptr, nullptr, &n));
  EQ(n, 4);
  OK(cu.cuGraphGetEdges_v2(g, from, to, data, &n));
  std::set<std::pair<int, int>> edges;
  auto at = [&](CUgraphNode p) { return int(std::find(nodes, nodes + 4, p) - nodes); };
  for (size_t i = 0; i < n; i++) edges.insert({at(from[i]), at(to[i])});
  CHECK((edges == std::set<std::pair<int, int>>{{0, 1}, {0, 2}, {1, 3}, {2, 3}}));
  CUDA_KERNEL_NODE_PARAMS_v2 p;
  OK(cu.cuGraphKernelNodeGetParams_v2(nodes[3], &p));
  EQ(p.gridDimX, 1);
  EQ(*static_cast<int *>(p.kernelParams[1]), 100);
  const char *name;
  OK(cu.cuFuncGetName(&name, p.func));
  CHECK(!strcmp(name, "k"));
  EQ(cu.cuGraphKernelNodeGetParams_v2(nodes[0], &p), CUDA_ERROR_INVALID_VALUE);
  CUgraphExec e;
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cu.cuGraphLaunch(e, a));
  OK(cu.cuStreamSynchronize(a));
  EQ(x.take()[0], 111);

  // New parameters for a node of an instantiated graph.
  auto set = driver<CUresult (*)(CUgraphExec, CUgraphNode, const CUDA_KERNEL_NODE_PARAMS_v2 *)>(
      "cuGraphExecKernelNodeSetParams_v2");
  OK(cu.cuGraphKernelNodeGetParams_v2(nodes[3], &p));
  int add = 500;
  void *params[] = {p.kernelParams[0], &add};
  p.kernelParams = params;
  OK(set(e, nodes[3], &p));
  p.blockDimX = 2000;
  EQ(set(e, nodes[3], &p), CUDA_ERROR_INVALID_VALUE);
  OK(cu.cuGraphLaunch(e, a));
  OK(cu.cuStreamSynchronize(a));
  EQ(x.take()[0], 511);

  // An update takes the parameters of a graph of the same shape, and refuses another.
  Array<int> y(1);
  CUgraph h = fork(k, y.p, a, b), longer = fork(k, y.p, a, b, true, 1);
  CUgraphExecUpdateResultInfo info;
  OK(cu.cuGraphExecUpdate_v2(e, h, &info));
  OK(cu.cuGraphLaunch(e, a));
  OK(cu.cuStreamSynchronize(a));
  EQ(y.take()[0], 111);
  EQ(cu.cuGraphExecUpdate_v2(e, longer, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  fork(k, y.p, a, b, false);  // unjoined
  CUstreamCaptureStatus status;
  OK(cu.cuStreamIsCapturing(b, &status));
  EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
}

// A call that a capture does not allow fails, and the capture with it.
static void forbidden() {
  Kernel k(kAdd);
  Array<int> x(1);
  CUstream s = stream(), other = stream(), blocking = stream(CU_STREAM_DEFAULT);
  CUevent e, fresh_event;
  OK(cu.cuEventCreate(&e, 0));
  OK(cu.cuEventCreate(&fresh_event, 0));
  OK(cu.cuEventRecord(e, other));
  CUdeviceptr p = 0;
  int v = 0;
  const std::string image = compile(kAdd);
  CUmodule m;
  struct {
    const char *what;
    std::function<CUresult()> call;
    CUresult want;
    CUstream where;
    bool relaxed;  // allowed when the capture is relaxed
  } cases[] = {
      {"wait for the stream", [&] { return cu.cuStreamSynchronize(s); },
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, s, false},
      {"ask the stream", [&] { return cu.cuStreamQuery(s); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
       s, false},
      {"wait for the context", [&] { return cu.cuCtxSynchronize(); },
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, s, false},
      {"allocate", [&] { return cu.cuMemAlloc_v2(&p, 16); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
       s, true},
      {"free", [&] { return cu.cuMemFree_v2(p); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, s, true},
      {"ask an event", [&] { return cu.cuEventSynchronize(e); },
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, s, true},
      {"load a module",
       [&] { return cu.cuModuleLoadDataEx(&m, image.data(), 0, nullptr, nullptr); },
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, s, true},
      {"wait for an event from outside", [&] { return cu.cuStreamWaitEvent(s, e, 0); },
       CUDA_ERROR_STREAM_CAPTURE_ISOLATION, s, false},
      {"the legacy stream", [&] { return k(1, 1, nullptr, x.p, 1); },
       CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, blocking, false},
      {"copy without a stream",
       [&] {
         return driver<decltype(cu.cuMemcpyHtoDAsync_v2)>("cuMemcpyHtoD_v2")(x.p, &v, 4, nullptr);
       },
       CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, blocking, false},
  };
  OK(cu.cuMemAlloc_v2(&p, 16));
  for (auto &c : cases) {
    const int before = failures;
    CUgraph g;
    OK(cu.cuStreamBeginCapture_v2(c.where, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(k(1, 1, c.where, x.p, 1));
    EQ(c.call(), c.want);
    CUstreamCaptureStatus status;
    OK(cu.cuStreamIsCapturing(c.where, &status));
    EQ(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    EQ(k(1, 1, c.where, x.p, 1), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EQ(cu.cuStreamEndCapture(c.where, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cu.cuStreamBeginCapture_v2(c.where, CU_STREAM_CAPTURE_MODE_RELAXED));
    EQ(c.call(), c.relaxed ? CUDA_SUCCESS : c.want);
    EQ(cu.cuStreamEndCapture(c.where, &g),
       c.relaxed ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cu.cuStreamSynchronize(c.where));
    if (failures != before) printf("  in: %s\n", c.what);
  }
  x.put({0});
  OK(cu.cuCtxSynchronize());
  OK(k(1, 1, s, x.p, 1));
  OK(cu.cuStreamSynchronize(s));
  EQ(x.take()[0], 1);
}

static void begin_and_end() {
  CUstream s = stream(), t = stream();
  CUgraph g;
  EQ(cu.cuStreamEndCapture(s, &g), CUDA_ERROR_ILLEGAL_STATE);
  EQ(cu.cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL),
     CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EQ(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_ILLEGAL_STATE);
  CUcontext c;
  OK(cu.cuCtxGetCurrent(&c));
  std::thread([&] {
    OK(cu.cuCtxSetCurrent(c));
    CUgraph other;
    EQ(cu.cuStreamEndCapture(s, &other), CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  }).join();
  OK(cu.cuStreamEndCapture(s, &g));
  // An allocation of another thread spoils a global capture, but not a capture of this thread only.
  for (auto mode : {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}) {
    const bool global = mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    OK(cu.cuStreamBeginCapture_v2(s, mode));
    std::thread([&] {
      OK(cu.cuCtxSetCurrent(c));
      CUdeviceptr p;
      EQ(cu.cuMemAlloc_v2(&p, 16), global ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS);
    }).join();
    EQ(cu.cuStreamEndCapture(s, &g), global ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS);
  }
  // Ending a capture in a stream that joined; two captures that meet.
  CUevent e;
  OK(cu.cuEventCreate(&e, 0));
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cu.cuEventRecord(e, s));
  OK(cu.cuStreamWaitEvent(t, e, 0));
  EQ(cu.cuStreamEndCapture(t, &g), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  EQ(cu.cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cu.cuStreamBeginCapture_v2(t, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cu.cuEventRecord(e, s));
  EQ(cu.cuStreamWaitEvent(t, e, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
  EQ(cu.cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EQ(cu.cuStreamEndCapture(t, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

// Nodes without a path between them run in any order.
static void any_order() {
  Kernel k(
      "extern \"C\" __global__ void k(int *order, int i) { order[atomicAdd(order, 1) + 1] = i; }");
  Array<int> x(9);
  CUstream s[8], origin = stream();
  CUevent out, back;
  OK(cu.cuEventCreate(&out, 0));
  OK(cu.cuEventCreate(&back, 0));
  OK(cu.cuStreamBeginCapture_v2(origin, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cu.cuMemsetD32Async(x.p, 0, 9, origin));
  OK(cu.cuEventRecord(out, origin));
  for (int i = 0; i < 8; i++) {
    s[i] = stream();
    OK(cu.cuStreamWaitEvent(s[i], out, 0));
    OK(k(1, 1, s[i], x.p, i));
    OK(cu.cuEventRecord(back, s[i]));
    OK(cu.cuStreamWaitEvent(origin, back, 0));
  }
  CUgraph g;
  OK(cu.cuStreamEndCapture(origin, &g));
  CUgraphExec e;
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  std::set<std::vector<int>> seen;
  for (int i = 0; i < 10; i++) {
    OK(cu.cuGraphLaunch(e, origin));
    OK(cu.cuStreamSynchronize(origin));
    seen.insert(x.take());
  }
  CHECK(seen.size() > 3);
}

// Work of other libraries is captured like a kernel, and its resources live as long as the graph.
static int freed = 0, ran = 0;
static void libraries() {
  CUstream s = stream();
  CUgraph g;
  CUgraphExec e;
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(emu_enqueue(s, [](void *) { ran++; }, &ran, [](void *) { freed++; }));
  OK(cu.cuStreamEndCapture(s, &g));
  EQ(ran, 0);
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  CUgraphNode node;
  size_t n = 1;
  OK(cu.cuGraphGetNodes(g, &node, &n));
  CUDA_KERNEL_NODE_PARAMS_v2 p;
  OK(cu.cuGraphKernelNodeGetParams_v2(node, &p));
  const char *name;
  OK(cu.cuFuncGetName(&name, p.func));
  CHECK(!strcmp(name, "library"));
  OK(cu.cuGraphDestroy(g));
  OK(cu.cuGraphLaunch(e, s));
  OK(cu.cuGraphLaunch(e, s));
  EQ(ran, 0);
  OK(cu.cuStreamSynchronize(s));
  EQ(ran, 2);
  EQ(freed, 0);
  OK(cu.cuGraphExecDestroy(e));
  EQ(freed, 1);
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  fresh("record", record);
  fresh("shape", shape);
  fresh("forbidden", forbidden);
  fresh("begin and end", begin_and_end);
  fresh("any order", any_order);
  fresh("libraries", libraries);
  return finish();
}
