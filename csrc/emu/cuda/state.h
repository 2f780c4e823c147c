// The emulated driver's objects. One mutex guards them all; it is released while work runs.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../../load/cuda.h"
#include "../prelude/block.h"
#include "extra.h"

#define SK_API extern "C" __attribute__((visibility("default")))

namespace emu {

struct Context;
struct Stream;
struct Node;
struct Capture;
struct Early;

// Every object has a handle that no other object ever gets and that is not an address. The use of a
// destroyed object is therefore an error and not a crash.
enum Kind : unsigned { kContext = 1, kStream, kEvent, kModule, kFunction, kGraph, kNode, kExec };
struct Object {
  uintptr_t handle = 0;
  virtual ~Object() {}
};

struct Module : Object {
  Context *context = nullptr;
  void *library = nullptr;
  int file = -1;
  const sk_emu_image *image = nullptr;
  bool waits = false;  // threads may wait for one another, so each needs a stack
  size_t shared = 0;   // bytes of static shared memory
  size_t tls = 0;      // the loader's number of the thread-local part
  uintptr_t lo = 0, hi = 0;
  std::vector<uintptr_t> functions;
  ~Module() override;
};

struct Function : Object {
  std::shared_ptr<Module> module;
  const sk_emu_kernel *kernel = nullptr;
  std::string name;
  unsigned dynamic = 48 << 10;  // the largest dynamic shared memory of a launch
};

// Work is one item of a stream, or a node of a graph: a kernel, a copy, a fill, or a function of
// the host.
struct Work {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  std::shared_ptr<Function> function;
  unsigned grid[3] = {1, 1, 1}, block[3] = {1, 1, 1}, dynamic = 0;
  bool cooperative = false;
  bool programmatic = false;        // starts while the kernel in front of it may still run
  std::vector<unsigned char> args;  // packed in order, each at a multiple of 16
  uintptr_t dst = 0, src = 0;
  size_t bytes = 0, width = 1;  // bytes of a copy or a fill; width of a fill's element
  unsigned value = 0;
  bool to_host = false;
  // The source of a copy from pageable memory, read at the call.
  std::shared_ptr<std::vector<unsigned char>> staged;
  void (*run)(void *) = nullptr;
  std::shared_ptr<void> arg;
  bool library = false;  // run is another library's kernel, not a host function
};

// Op is work in a stream. It may run as soon as the operations in after are done, and runs when a
// call waits for it.
struct Op {
  enum State { kWaiting, kRunning, kDone } state = kWaiting;
  Context *context = nullptr;
  std::vector<std::shared_ptr<Op>> after;
  std::vector<std::shared_ptr<const Work>> work;  // in order
  // The index of the kernel that a programmatic one may overlap, by work; -1: none. Empty: none at
  // all.
  std::vector<int> primary;
  // Programmatic work behind this one on its stream.
  std::weak_ptr<Op> follower;
  double finished = 0;       // seconds
  unsigned correlation = 0;  // number of the call
  bool graph = false;        // work is a graph's
};
using OpRef = std::shared_ptr<Op>;

struct Stream : Object {
  Context *context = nullptr;
  bool blocking = true, legacy = false;
  int priority = 0;
  std::deque<OpRef> queue;
  std::vector<OpRef> waits;  // events before the next work
  std::shared_ptr<Capture> capture;
  std::vector<Node *> tips;  // of the graph in capture
};

struct Event : Object {
  Context *context = nullptr;
  bool timing = true;
  OpRef op;
  std::shared_ptr<Capture> capture;  // recorded in a capture, at
  std::vector<Node *> tips;
};

struct Graph;
struct Node : Object {
  Graph *graph = nullptr;
  std::shared_ptr<const Work> work;
  std::vector<Node *> after;     // a programmatic kernel has one at most, a kernel
  std::vector<void *> pointers;  // to the arguments, for queries
};

struct Graph : Object {
  std::vector<std::shared_ptr<Node>> nodes;  // each behind its predecessors
};

struct Exec : Object {
  Context *context = nullptr;
  struct Step {
    std::shared_ptr<const Work> work;
    std::vector<int> after;
    uintptr_t node;  // the graph's, as the key of cuGraphExecKernelNodeSetParams
  };
  std::vector<Step> steps;
  OpRef last;
};

struct Capture {
  std::shared_ptr<Graph> graph;
  Stream *origin = nullptr;
  std::vector<Stream *> streams;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  unsigned long thread = 0;
  unsigned long long id = 0;
  bool valid = true;
};

struct Context : Object {
  int device = 0;
  int users = 0;
  bool dead = false;
  CUresult error = CUDA_SUCCESS;  // sticky
  std::atomic<int> failure{0};    // of the running library work
  std::map<uintptr_t, std::shared_ptr<Stream>> streams;
  std::shared_ptr<Stream> null_stream, thread_stream;
  std::vector<std::shared_ptr<Stream>> zombies;  // destroyed with work still to do
  std::vector<uintptr_t> modules, events;
};

struct Device {
  std::shared_ptr<Context> primary;
};

extern std::mutex mutex;
extern std::condition_variable changed;
extern std::vector<std::shared_ptr<Capture>> captures;
Device &device(int ordinal);

// Handles.
uintptr_t give(Kind kind, std::shared_ptr<Object> object);
std::shared_ptr<Object> find(Kind kind, const void *handle);
void drop(uintptr_t handle);
size_t live();  // number of handles
template <class T> std::shared_ptr<T> get(Kind kind, const void *handle) {
  return std::static_pointer_cast<T>(find(kind, handle));
}
template <class T> T as_handle(const Object &o) { return reinterpret_cast<T>(o.handle); }

// Enter locks, and makes the checks of every call: the driver is initialised, there is a current
// context, and it is not lost.
enum Need { kNothing, kInit, kCurrent };
struct Enter {
  std::unique_lock<std::mutex> lock;
  CUresult error = CUDA_SUCCESS;
  std::shared_ptr<Context> context;
  explicit Enter(Need need);
};

std::shared_ptr<Context> current();
// Null, with an error, if there is none.
std::shared_ptr<Stream> stream_of(Enter &in, CUstream handle);

// Counters and log.
void count(const char *what, long n = 1);
void spent(const std::string &kernel, double seconds);
void report();  // prints the times since the last report to stderr
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Queue.
double now();
OpRef enqueue(Stream &s, std::vector<std::shared_ptr<const Work>> work,
              std::vector<int> primary = {});
CUresult finish(std::unique_lock<std::mutex> &lock, OpRef op);
CUresult finish(std::unique_lock<std::mutex> &lock, Stream &s);
CUresult finish(std::unique_lock<std::mutex> &lock, Context &c);
// Runs one operation; returns whether op was done before.
bool poll(std::unique_lock<std::mutex> &lock, OpRef op);
void relieve(std::unique_lock<std::mutex> &lock, Stream &s);  // does some work if there is too much
void forget(Context &c);                                      // drops all work
CUresult perform(const Work &w, Context &c);

// Capture.
// To the stream, or to the graph that it captures.
CUresult submit(Enter &in, Stream &s, std::shared_ptr<Work> w);
// Refuses a call that waits or queries during capture.
CUresult forbid(Enter &in, Stream *s);
// Refuses a call during a capture of this thread, or a global one.
CUresult unsafe_call();
void invalidate(Capture &c);

// Kernels.
CUresult load_image(Context &c, const void *image, std::shared_ptr<Module> &out);
CUresult run_kernel(const Work &w, Context &c, Early *early = nullptr);
int active_blocks(const Function &f, int threads, size_t dynamic);
CUresult validate(const Function &f, const Work &w);
CUresult pack(const Function &f, void **params, std::vector<unsigned char> &args);
std::vector<void *> unpack(const Function &f, const std::vector<unsigned char> &args);

}  // namespace emu
