// Programmatic launches: their edges, the order that they keep, and the checks of their mistakes.
#include "harness.h"

#define K(body) "extern \"C\" __global__ void k(float *x, const float *y) {\n" body "\n}"
static const char *const kFront = K("x[threadIdx.x] += 1;");
static const char *const kGood =
    K("sk_griddepcontrol_wait();\nsk_griddepcontrol_launch_dependents();\nx[threadIdx.x] *= 2;");

template <class... A> static CUresult after(Kernel &k, unsigned block, CUstream s, A... args) {
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  const CUlaunchConfig config = {2, 1, 1, block, 1, 1, 0, s, &attribute, 1};
  void *params[] = {&args..., nullptr};
  return cu.cuLaunchKernelEx(&config, k.f, params, nullptr);
}

static CUstream stream() {
  CUstream s;
  OK(cu.cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, 0));
  return s;
}

// Puts two launches on the stream: a front, and a programmatic one behind it.
static void pair(Kernel &front, Kernel &k, CUstream s, CUdeviceptr x, CUdeviceptr y) {
  OK(front(1, 32, s, x, y));
  OK(after(k, 32, s, x, y));
}

// Each text is launched behind a kernel that writes x and leaves y as it is.
static void mistakes() {
  struct {
    const char *what, *text;
    std::vector<const char *> words;  // none: no mistake
  } cases[] = {
      {"waits first", kGood, {}},
      {"waits first, with barriers",
       K("__shared__ float s[32]; s[threadIdx.x] = 1; __syncthreads(); sk_griddepcontrol_wait(); "
         "x[threadIdx.x] *= 1 + s[31 - threadIdx.x];"),
       {}},
      {"reads before the wait what nobody writes",
       K("const float two = y[threadIdx.x]; sk_griddepcontrol_wait(); x[threadIdx.x] *= two;"),
       {}},
      {"some threads wait before a barrier and some behind it",
       K("if (threadIdx.x < 7) sk_griddepcontrol_wait(); __syncthreads(); "
         "sk_griddepcontrol_wait(); x[threadIdx.x] *= 2;"),
       {}},
      {"reads before the wait",
       K("const float one = x[threadIdx.x]; sk_griddepcontrol_wait(); x[threadIdx.x] = 2 * one;"),
       {"kernel k reads 4 bytes at", "before its griddepcontrol.wait, and kernel k in front"}},
      {"reads a vector before the wait, with a barrier",
       K("__shared__ float4 s; if (threadIdx.x == 0) s = *(const float4 *)(x + 4); "
         "__syncthreads(); sk_griddepcontrol_wait(); x[threadIdx.x] = s.x;"),
       {"bytes at", "before its griddepcontrol.wait"}},
      {"writes before the wait",
       K("if (threadIdx.x == 5) x[40] = 1; sk_griddepcontrol_wait(); x[threadIdx.x] *= 2;"),
       {"thread (5,0,0)", "writes 4 bytes of memory before its griddepcontrol.wait"}},
      {"changes before the wait",
       K("atomicAdd(x + 40, 1.0f); sk_griddepcontrol_wait(); x[threadIdx.x] *= 2;"),
       {"changes 4 bytes of memory before its griddepcontrol.wait"}},
      {"never waits", K("if (!x) x[0] = 1;"), {"returns from a programmatic launch without"}},
      {"never waits, with barriers",
       K("__shared__ float s[32]; s[threadIdx.x] = 1; __syncthreads();"),
       {"returns from a programmatic launch without"}},
      {"a thread that does not wait",
       K("if (threadIdx.x == 9) return; sk_griddepcontrol_wait(); x[threadIdx.x] *= 2;"),
       {"thread (9,0,0)", "returns from a programmatic launch without"}},
      {"launches its dependents before the wait",
       K("sk_griddepcontrol_launch_dependents();\nsk_griddepcontrol_wait(); x[threadIdx.x] *= 2;"),
       {"line 2: griddepcontrol.launch_dependents before griddepcontrol.wait"}},
  };
  for (bool captured : {false, true})
    for (auto &c : cases)
      fresh(c.what, [&] {
        Kernel front(kFront), k(c.text);
        Array<float> x(64), y(32);
        x.put(std::vector<float>(64, 1));
        y.put(std::vector<float>(32, 2));
        OK(cu.cuStreamSynchronize(nullptr));
        CUstream s = stream();
        if (captured) {
          CUgraph g;
          CUgraphExec e;
          OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
          pair(front, k, s, x.p, y.p);
          OK(cu.cuStreamEndCapture(s, &g));
          OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
          OK(cu.cuGraphLaunch(e, s));
        } else {
          pair(front, k, s, x.p, y.p);
        }
        EQ(cu.cuStreamSynchronize(s), c.words.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED);
        for (const char *w : c.words) CHECK(says({w}));
        if (c.words.empty()) EQ(x.take()[3], 8);  // two blocks double (1 + 1)
      });
}

// A kernel that waits runs as ever where no launch is programmatic.
static void ordinary() {
  Kernel k(kGood);
  Array<float> x(32);
  x.put(std::vector<float>(32, 3));
  OK(k(1, 32, nullptr, x.p, x.p));
  EQ(x.take()[31], 6);
}

static void edges() {
  Kernel front(kFront), k(kGood);
  Array<float> x(64);
  CUstream s = stream();
  CUgraph g;
  CUgraphExec e;
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(after(k, 32, s, x.p, x.p));  // in front of it is nothing
  pair(front, k, s, x.p, x.p);
  OK(cu.cuStreamEndCapture(s, &g));
  CUgraphNode from[3], to[3];
  CUgraphEdgeData data[3];
  size_t n = 3;
  OK(cu.cuGraphGetEdges_v2(g, from, to, data, &n));
  EQ(n, 2);
  EQ(data[0].type, 0);
  EQ(data[0].from_port, 0);
  EQ(data[1].type, CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC);
  EQ(data[1].from_port, CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC);
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  // The same nodes with ordinary edges are another graph.
  CUgraph other;
  CUgraphExecUpdateResultInfo info;
  OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  for (int i = 0; i < 3; i++) OK(k(2, 32, s, x.p, x.p));
  OK(cu.cuStreamEndCapture(s, &other));
  EQ(cu.cuGraphExecUpdate_v2(e, other, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);

  // A copy and two streams are no place for one.
  CUstream b = stream();
  CUevent out, back;
  OK(cu.cuEventCreate(&out, CU_EVENT_DISABLE_TIMING));
  OK(cu.cuEventCreate(&back, CU_EVENT_DISABLE_TIMING));
  for (bool copy : {true, false}) {
    OK(cu.cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
    if (copy) {
      OK(cu.cuMemsetD32Async(x.p, 0, 1, s));
    } else {
      OK(cu.cuEventRecord(out, s));
      OK(cu.cuStreamWaitEvent(b, out, 0));
      OK(front(1, 32, b, x.p, x.p));
      OK(front(1, 32, s, x.p, x.p));
      OK(cu.cuEventRecord(back, b));
      OK(cu.cuStreamWaitEvent(s, back, 0));
    }
    EQ(after(k, 32, s, x.p, x.p), CUDA_ERROR_NOT_SUPPORTED);
    CHECK(says({copy ? "behind a copy or a fill" : "behind several nodes"}));
    EQ(cu.cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
}

static void refusals() {
  Kernel k(kGood);
  Array<float> x(64);
  CUlaunchAttribute a[2] = {};
  a[0].id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  a[1].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  a[0].value.programmaticStreamSerializationAllowed = a[1].value.cooperative = 1;
  CUlaunchConfig config = {1, 1, 1, 32, 1, 1, 0, nullptr, a, 2};
  void *params[] = {&x.p, &x.p};
  EQ(cu.cuLaunchKernelEx(&config, k.f, params, nullptr), CUDA_ERROR_NOT_SUPPORTED);
  CHECK(says({"both programmatic and cooperative"}));
  a[1].id = 99;
  EQ(cu.cuLaunchKernelEx(&config, k.f, params, nullptr), CUDA_ERROR_NOT_SUPPORTED);
  CHECK(says({"attribute 99"}));
  config.attrs = nullptr;
  EQ(cu.cuLaunchKernelEx(&config, k.f, params, nullptr), CUDA_ERROR_INVALID_VALUE);
  config.attrs = a, config.numAttrs = 1;
  emu_set("cc=8.9; log=none");
  EQ(cu.cuLaunchKernelEx(&config, k.f, params, nullptr), CUDA_ERROR_NOT_SUPPORTED);
  CHECK(says({"compute capability 9.0"}));
  emu_set(nullptr);
  OK(cu.cuLaunchKernelEx(&config, k.f, params, nullptr));
  OK(cu.cuStreamSynchronize(nullptr));
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  mistakes();
  emu_set("races=1; log=none");
  mistakes();
  emu_set(nullptr);
  fresh("ordinary launches", ordinary);
  fresh("edges", edges);
  fresh("refusals", refusals);
  return finish();
}
