// The functions of NCCL. They check more than the real one does, and say what is wrong by
// ncclGetLastError.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "state.h"

using namespace ncl;

namespace {

std::mutex mutex;
std::map<ncclComm_t, std::shared_ptr<Comm>> &comms() {
  static auto *m = new std::map<ncclComm_t, std::shared_ptr<Comm>>;
  return *m;
}

thread_local std::string last;  // the last error's text

int refuse(int status, const std::string &why) { return last = why, status; }

std::shared_ptr<Comm> find(ncclComm_t comm) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = comms().find(comm);
  if (it == comms().end()) last = "the communicator was destroyed, or is none";
  return it == comms().end() ? nullptr : it->second;
}

void forget(ncclComm_t comm) {
  std::lock_guard<std::mutex> lock(mutex);
  comms().erase(comm);
}

long long now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// A call on its way to a stream.
struct Job {
  std::shared_ptr<Comm> comm;
  Call call;
  const void *send;
  void *recv;
  bool counted;
  void *stream;
};

void run_job(void *arg) {
  auto *j = static_cast<Job *>(arg);
  run(*j->comm, j->call, j->send, j->recv);
}

void free_job(void *arg) {
  auto *j = static_cast<Job *>(arg);
  if (j->counted) j->comm->pending--;
  delete j;
}

int queue(Job *j) {
  int capture = 0;
  if (driver().capturing(j->stream, &capture)) {
    j->counted = false, free_job(j);
    return refuse(ncclUnhandledCudaError, "the stream is none of the current context");
  }
  Comm &c = *j->comm;
  j->counted = capture == 0;
  if (j->counted) {
    c.pending++;
    std::lock_guard<std::mutex> lock(c.mutex);
    c.streams.insert(j->stream);
  }
  if (int e = driver().enqueue(j->stream, run_job, j, free_job))
    return refuse(ncclUnhandledCudaError, "CUDA error " + std::to_string(e));
  return ncclSuccess;
}

thread_local int depth = 0;
thread_local std::vector<Job *> grouped;

int submit(ncclComm_t comm, const Call &call, const void *send, void *recv, void *stream) {
  auto c = find(comm);
  if (!c) return ncclInvalidArgument;
  const size_t size = size_of(call.type);
  if (!size) return refuse(ncclInvalidArgument, "type " + std::to_string(call.type));
  if (call.op < 0 || call.op > ncclAvg)
    return refuse(ncclInvalidArgument, "operation " + std::to_string(call.op));
  if (call.root < 0 || call.root >= c->world)
    return refuse(ncclInvalidArgument, "root " + std::to_string(call.root));
  if (!complete(*c))
    return refuse(ncclInvalidUsage, "not all ranks have come to this communicator yet");
  if (c->finalizing) return refuse(ncclInvalidUsage, "the communicator is finalized");
  void *current = nullptr;
  if (driver().current(&current) || current != c->context)
    return refuse(ncclInvalidUsage, "the communicator's context is not current on this thread");
  const size_t all = call.count * size;
  const bool sends = call.kind != Call::kBroadcast || call.root == c->rank;
  if (all &&
      ((sends && !driver().check(send, all, 0)) ||
       !driver().check(recv, call.kind == Call::kAllGather ? all * size_t(c->world) : all, 1)))
    return refuse(ncclInvalidArgument, "an array is not inside one live allocation of a card");
  auto *j = new Job{c, call, send, recv, false, stream};
  if (!depth) return queue(j);
  grouped.push_back(j);
  return ncclSuccess;
}

}  // namespace

SK_API ncclResult_t ncclGetVersion(int *version) {
  if (!version) return refuse(ncclInvalidArgument, "no place for the version");
  *version = int(setting("version", 23007));
  return ncclSuccess;
}

SK_API const char *ncclGetErrorString(ncclResult_t r) {
  static const char *const texts[] = {
      "no error",
      "unhandled cuda error (run with NCCL_DEBUG=INFO for details)",
      "unhandled system error (run with NCCL_DEBUG=INFO for details)",
      "internal error - please report this issue to the NCCL developers",
      "invalid argument (run with NCCL_DEBUG=WARN for details)",
      "invalid usage (run with NCCL_DEBUG=WARN for details)",
      "remote process exited or there was a network error",
      "NCCL operation in progress"};
  return r >= 0 && r < 8 ? texts[r] : "unknown result code";
}

SK_API const char *ncclGetLastError(ncclComm_t comm) {
  if (comm)
    if (auto c = find(comm)) {
      std::lock_guard<std::mutex> lock(c->mutex);
      if (!c->message.empty()) last = c->message;
    }
  return last.c_str();
}

SK_API ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  if (!id) return refuse(ncclInvalidArgument, "no place for the id");
  unsigned char random[12] = {};
  const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && read(fd, random, sizeof random) == ssize_t(sizeof random);
  if (fd >= 0) close(fd);
  if (!ok) return refuse(ncclSystemError, "no random bytes");
  memset(id, 0, sizeof *id);
  char *p = id->internal + snprintf(id->internal, sizeof id->internal, "/shake-emu-nccl-");
  for (unsigned char b : random) p += snprintf(p, 3, "%02x", b);
  return ncclSuccess;
}

SK_API ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank,
                                           ncclConfig_t *config) {
  if (!comm) return refuse(ncclInvalidArgument, "no place for the communicator");
  *comm = nullptr;
  if (const long e = setting("init", 0)) return refuse(int(e), "asked to fail by SHAKE_EMU_NCCL");
  if (setting("none", 0)) return ncclSuccess;
  if (ranks < 1 || ranks > kMostRanks || rank < 0 || rank >= ranks)
    return refuse(ncclInvalidArgument,
                  "rank " + std::to_string(rank) + " of " + std::to_string(ranks));
  id.internal[sizeof id.internal - 1] = 0;
  if (strncmp(id.internal, "/shake-emu-nccl-", 16))
    return refuse(ncclInvalidArgument, "the id is none of ncclGetUniqueId");
  if (config &&
      (config->magic != NCCL_API_MAGIC || config->size < offsetof(ncclConfig_t, splitShare)))
    return refuse(ncclInvalidArgument, "the configuration was not initialised");
  auto c = std::make_shared<Comm>();
  if (driver().current && !driver().current(&c->context) && !c->context)
    return refuse(ncclUnhandledCudaError, "no context is current");
  std::string why;
  if (int e = sit(*c, id.internal, ranks, rank, &why)) return refuse(e, why);
  if (config && config->blocking != NCCL_CONFIG_UNDEF_INT) c->blocking = config->blocking;
  while (c->blocking && !complete(*c)) {
    if (c->error) return refuse(ncclSystemError, c->message);
    usleep(1000);
  }
  std::lock_guard<std::mutex> lock(mutex);
  *comm = reinterpret_cast<ncclComm_t>(c.get());
  comms()[*comm] = c;
  return c->blocking || complete(*c) ? ncclSuccess : ncclInProgress;
}

SK_API ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error) {
  auto c = find(comm);
  if (!c || !error) return ncclInvalidArgument;
  const bool all = complete(*c);
  const bool going = !all || (c->finalizing && c->pending) || now() < c->settled;
  *error = c->error ? c->error.load() : int(going ? ncclInProgress : ncclSuccess);
  return ncclSuccess;
}

// Streams are lazy, so threads of their own run the queued calls.
SK_API ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  auto c = find(comm);
  if (!c) return ncclInvalidArgument;
  if (c->finalizing.exchange(1)) return refuse(ncclInvalidArgument, "finalized twice");
  if (!c->pending) return ncclSuccess;
  std::lock_guard<std::mutex> lock(c->mutex);
  for (void *s : c->streams)
    std::thread([context = c->context, s] {
      if (!driver().set(context)) driver().synchronize(s);
    }).detach();
  while (c->blocking && c->pending) usleep(100);
  return c->pending ? ncclInProgress : ncclSuccess;
}

SK_API ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  auto c = find(comm);
  if (!c) return ncclInvalidArgument;
  if (!c->finalizing) {
    int e = ncclCommFinalize(comm);
    while (e == ncclInProgress && c->pending) usleep(100);
  }
  forget(comm);
  return ncclSuccess;
}

SK_API ncclResult_t ncclCommAbort(ncclComm_t comm) {
  auto c = find(comm);
  if (!c) return ncclInvalidArgument;
  c->aborted = 1;
  c->shared->seats[c->rank].aborted = 1;
  shm_unlink(c->name.c_str());
  usleep(useconds_t(1000 * setting("abort", 0)));
  forget(comm);
  return ncclSuccess;
}

SK_API ncclResult_t ncclAllReduce(const void *send, void *recv, size_t count, ncclDataType_t type,
                                  ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  return submit(comm, {Call::kAllReduce, type, op, 0, count}, send, recv, stream);
}

SK_API ncclResult_t ncclBroadcast(const void *send, void *recv, size_t count, ncclDataType_t type,
                                  int root, ncclComm_t comm, cudaStream_t stream) {
  return submit(comm, {Call::kBroadcast, type, 0, root, count}, send, recv, stream);
}

SK_API ncclResult_t ncclAllGather(const void *send, void *recv, size_t count, ncclDataType_t type,
                                  ncclComm_t comm, cudaStream_t stream) {
  return submit(comm, {Call::kAllGather, type, 0, 0, count}, send, recv, stream);
}

SK_API ncclResult_t ncclGroupStart(void) {
  depth++;
  return ncclSuccess;
}

SK_API ncclResult_t ncclGroupEnd(void) {
  if (!depth) return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--depth) return ncclSuccess;
  int first = ncclSuccess;
  bool going = false;
  const long busy = setting("group", 0);
  for (Job *j : grouped) {
    const auto c = j->comm;
    if (int e = queue(j); e && !first) first = e;
    if (!first && busy && !c->blocking) c->settled = now() + busy, going = true;
  }
  grouped.clear();
  return first ? first : int(going ? ncclInProgress : ncclSuccess);
}
