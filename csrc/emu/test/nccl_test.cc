// The stand-in for NCCL: ranks that are threads, and ranks that are processes.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "../../load/nccl.h"
#include "harness.h"

static sk_nccl_table nc;

static void open_nccl(const std::string &folder) {
  void *lib = dlopen((folder + "/libnccl.so.2").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!lib) printf("%s\n", dlerror()), exit(2);
#define LOOK(ret, name, args) lookup(lib, nc.name, #name);
  SK_NCCL_FUNCTIONS(LOOK, LOOK)
#undef LOOK
}

static ncclConfig_t config(int blocking) {
  ncclConfig_t c = {};
  c.size = sizeof c, c.magic = NCCL_API_MAGIC, c.version = 21800, c.blocking = blocking;
  c.cgaClusterSize = c.minCTAs = c.maxCTAs = c.splitShare = NCCL_CONFIG_UNDEF_INT;
  return c;
}

static ncclUniqueId fresh_id() {
  ncclUniqueId id;
  EQ(nc.ncclGetUniqueId(&id), ncclSuccess);
  return id;
}

// One rank on a card of its own, with the card's context current on this thread.
struct Rank {
  int rank;
  CUcontext context;
  CUstream stream;
  ncclComm_t comm = nullptr;
  Rank(int rank, int world, const ncclUniqueId &id, int blocking = 1) : rank(rank) {
    OK(cu.cuDevicePrimaryCtxRetain(&context, rank));
    OK(cu.cuCtxSetCurrent(context));
    OK(cu.cuStreamCreateWithPriority(&stream, CU_STREAM_DEFAULT, 0));
    ncclConfig_t c = config(blocking);
    const int r = nc.ncclCommInitRankConfig(&comm, world, id, rank, &c);
    if (blocking) EQ(r, ncclSuccess);
  }
  ~Rank() {
    cu.cuCtxSetCurrent(nullptr);
    OK(cu.cuDevicePrimaryCtxRelease_v2(rank));
  }
  int state() {
    ncclResult_t e;
    EQ(nc.ncclCommGetAsyncError(comm, &e), ncclSuccess);
    return e;
  }
  void done() { EQ(nc.ncclCommDestroy(comm), ncclSuccess); }
};

static void ranks(int world, const std::function<void(Rank &)> &f) {
  const ncclUniqueId id = fresh_id();
  std::vector<std::thread> all;
  for (int r = 0; r < world; r++)
    all.emplace_back([&, r] {
      Rank rank(r, world, id);
      f(rank);
    });
  for (auto &t : all) t.join();
}

static void *at(CUdeviceptr p) { return reinterpret_cast<void *>(p); }

static void sums(Rank &k) {
  const size_t n = 200001;  // more than one chunk
  Array<float> x(n), y(n);
  std::vector<float> v(n);
  for (size_t i = 0; i < n; i++) v[i] = float(k.rank + 1) * float(i % 1000);
  x.put(v);
  EQ(nc.ncclAllReduce(at(x.p), at(y.p), n, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  auto sum = y.take();
  for (size_t i = 0; i < n; i += 777) EQ(sum[i], 6 * float(i % 1000));
  EQ(x.take()[7], v[7]);
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), n, ncclFloat32, ncclAvg, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(x.take()[999], 2 * 999);
  // Rounding of the type: 1 + 2^-8 + 2^-8 is 1 in bfloat16, rank by rank.
  Array<unsigned short> b(2);
  b.put({(unsigned short)(k.rank == 0 ? 0x3f80 : 0x3b80), (unsigned short)k.rank});
  EQ(nc.ncclAllReduce(at(b.p), at(b.p), 1, ncclBfloat16, ncclSum, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(b.take()[0], 0x3f80);
  EQ(b.take()[1], k.rank);
  Array<long long> l(2);
  l.put({(1ll << 60) + k.rank, -k.rank});
  EQ(nc.ncclAllReduce(at(l.p), at(l.p), 2, ncclInt64, ncclMax, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(l.take()[0], (1ll << 60) + 2);
  EQ(l.take()[1], 0);
  k.done();
}

static void spread(Rank &k) {
  Array<int> x(4), all(12);
  x.put({k.rank, k.rank, 7, 8});
  EQ(nc.ncclGroupStart(), 0);
  EQ(nc.ncclAllGather(at(x.p), at(all.p), 4, ncclInt32, k.comm, k.stream), 0);
  EQ(nc.ncclBroadcast(at(x.p), at(x.p), 2, ncclInt32, 1, k.comm, k.stream), 0);
  EQ(nc.ncclGroupEnd(), 0);
  EQ(nc.ncclGroupEnd(), ncclInvalidUsage);
  OK(cu.cuStreamSynchronize(k.stream));
  auto a = all.take();
  for (int i = 0; i < 12; i++) EQ(a[size_t(i)], i % 4 == 2 ? 7 : i % 4 == 3 ? 8 : i / 4);
  EQ(x.take()[0], 1);
  EQ(x.take()[2], 7);
  k.done();
}

// A captured call does not run until the replay, and runs at each.
static void captured(Rank &k) {
  Array<float> x(8);
  x.put(std::vector<float>(8, 1));
  OK(cu.cuStreamBeginCapture_v2(k.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 8, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  CUgraph g;
  OK(cu.cuStreamEndCapture(k.stream, &g));
  EQ(x.take()[0], 1);
  CUgraphExec e;
  OK(cu.cuGraphInstantiateWithFlags(&e, g, 0));
  for (int i = 0; i < 3; i++) OK(cu.cuGraphLaunch(e, k.stream));
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(x.take()[7], 8);  // 2^3
  OK(cu.cuGraphExecDestroy(e));
  OK(cu.cuGraphDestroy(g));
  k.done();
}

// Destroying waits for queued work that no call has waited for.
static void flushed(Rank &k) {
  Array<float> x(1);
  x.put({float(k.rank)});
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 1, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  k.done();
  EQ(x.take()[0], 1);
}

static void different(Rank &k) {
  Array<float> x(8);
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 4 + size_t(k.rank), ncclFloat32, ncclSum, k.comm, k.stream),
     0);
  EQ(cu.cuStreamSynchronize(k.stream), CUDA_ERROR_LAUNCH_FAILED);
  EQ(k.state(), ncclInvalidUsage);
  CHECK(strstr(nc.ncclGetLastError(k.comm), "of 4 elements") ||
        strstr(nc.ncclGetLastError(k.comm), "of 5"));
  EQ(nc.ncclCommAbort(k.comm), 0);
}

// Waits for a rank's stream on a thread of its own.
struct Waits {
  std::atomic<int> ended{0};
  std::thread thread;
  explicit Waits(Rank &k)
      : thread([&] {
          OK(cu.cuCtxSetCurrent(k.context));
          OK(cu.cuStreamSynchronize(k.stream));
          ended = 1;
        }) {}
};

// A call that the other rank does not make never ends, until it is aborted.
static void unmatched(Rank &k) {
  if (k.rank == 1) {
    usleep(300000);
    return k.done();
  }
  Array<float> x(1);
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 1, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  Waits waits(k);
  usleep(150000);
  EQ(waits.ended, 0);
  EQ(k.state(), ncclSuccess);
  EQ(nc.ncclCommAbort(k.comm), 0);
  waits.thread.join();
  EQ(nc.ncclCommAbort(k.comm), ncclInvalidArgument);
}

static void misuse() {
  const ncclUniqueId id = fresh_id();
  Rank a(0, 2, id, 0);
  EQ(a.state(), ncclInProgress);
  Array<float> x(4);
  auto reduce = [&](CUdeviceptr p, size_t n, int type, CUstream s) {
    return nc.ncclAllReduce(at(p), at(p), n, type, ncclSum, a.comm, s);
  };
  EQ(reduce(x.p, 4, ncclFloat32, a.stream), ncclInvalidUsage);  // rank 1 is not there
  ncclConfig_t c = config(0);
  ncclComm_t other;
  EQ(nc.ncclCommInitRankConfig(&other, 2, id, 0, &c), ncclInvalidUsage);     // rank 0 again
  EQ(nc.ncclCommInitRankConfig(&other, 3, id, 2, &c), ncclInvalidArgument);  // another world
  EQ(nc.ncclCommInitRankConfig(&other, 2, id, 2, &c), ncclInvalidArgument);
  EQ(nc.ncclCommInitRankConfig(&other, 2, id, 1, &c), ncclInvalidUsage);  // the same card
  CHECK(strstr(nc.ncclGetLastError(nullptr), "Duplicate GPU"));
  EQ(a.state(), ncclRemoteError);
  EQ(nc.ncclCommAbort(a.comm), 0);
  const ncclUniqueId two = fresh_id();
  ncclComm_t comm;
  EQ(nc.ncclCommInitRankConfig(&comm, 1, two, 0, &c), 0);
  a.comm = comm;
  CUcontext second;
  CUstream its;
  OK(cu.cuDevicePrimaryCtxRetain(&second, 1));
  OK(cu.cuCtxPushCurrent_v2(second));
  OK(cu.cuStreamCreateWithPriority(&its, 0, 0));
  EQ(reduce(x.p, 4, ncclFloat32, its), ncclInvalidUsage);  // another card's context is current
  CUcontext out;
  OK(cu.cuCtxPopCurrent_v2(&out));
  EQ(reduce(x.p, 4, ncclFloat32, its), ncclUnhandledCudaError);  // another card's stream
  EQ(reduce(x.p, 5, ncclFloat32, a.stream), ncclInvalidArgument);
  EQ(reduce(x.p, 4, 12, a.stream), ncclInvalidArgument);
  EQ(reduce(x.p, 4, ncclFloat32, a.stream), 0);
  OK(cu.cuStreamSynchronize(a.stream));
  a.done();
  EQ(reduce(x.p, 4, ncclFloat32, a.stream), ncclInvalidArgument);
  OK(cu.cuDevicePrimaryCtxRelease_v2(1));
}

static ncclUniqueId id_of(const char *text) {
  ncclUniqueId id = {};
  snprintf(id.internal, sizeof id.internal, "%s", text);
  return id;
}

// Rank 1 of two processes: one sum, then nothing, until it is killed.
static int child(const char *id) {
  Rank k(1, 2, id_of(id));
  Array<float> x(1);
  x.put({2});
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 1, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(x.take()[0], 3);
  if (failures) return 1;
  for (;;) pause();
}

static void processes(char **argv) {
  ncclUniqueId id = fresh_id();
  char *args[] = {argv[0], argv[1], argv[1], id.internal, nullptr};
  pid_t pid;
  EQ(posix_spawn(&pid, argv[0], nullptr, nullptr, args, environ), 0);
  Rank k(0, 2, id);
  Array<float> x(1);
  x.put({1});
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 1, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  OK(cu.cuStreamSynchronize(k.stream));
  EQ(x.take()[0], 3);
  EQ(nc.ncclAllReduce(at(x.p), at(x.p), 1, ncclFloat32, ncclSum, k.comm, k.stream), 0);
  Waits waits(k);
  usleep(100000);
  EQ(k.state(), ncclSuccess);
  kill(pid, SIGKILL);  // it stays a zombie
  for (int i = 0; i < 200 && k.state() == ncclSuccess; i++) usleep(10000);
  EQ(k.state(), ncclRemoteError);
  CHECK(strstr(nc.ncclGetLastError(k.comm), "has ended"));
  EQ(waits.ended, 0);
  EQ(nc.ncclCommAbort(k.comm), 0);
  waits.thread.join();
  int status;
  EQ(waitpid(pid, &status, 0), pid);
  EQ(WIFSIGNALED(status), 1);
}

static void test(const char *name, const std::function<void()> &f) {
  const int before = failures;
  f();
  printf("%s %s\n", failures == before ? "ok  " : "FAIL", name);
}

int main(int argc, char **argv) {
  open_libraries(argc > 3 ? 3 : argc, argv);
  open_nccl(argv[1]);
  setenv("SHAKE_EMU_CUDA", "log=none;cards=3", 1);
  OK(cu.cuInit(0));
  if (argc > 3) return child(argv[3]);
  alarm(120);
  int version = 0;
  EQ(nc.ncclGetVersion(&version), 0);
  EQ(version, 23007);
  test("sums", [] { ranks(3, sums); });
  test("spread", [] { ranks(3, spread); });
  test("captured", [] { ranks(2, captured); });
  test("flushed", [] { ranks(2, flushed); });
  test("different", [] { ranks(2, different); });
  test("unmatched", [] { ranks(2, unmatched); });
  test("misuse", misuse);
  test("processes", [&] { processes(argv); });
  EQ(emu_count("live_bytes"), 0);
  return finish();
}
