// The meeting of ranks in shared memory: seats, rounds, and the signs of life.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "state.h"

namespace ncl {
namespace {

// The start of a process in clock ticks; 0: there is no such process, or it has ended.
unsigned long long born(int pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  // The name of the program is in parentheses and may hold anything; 20 fields follow.
  const char *p = strrchr(text, ')');
  char state = 0;
  unsigned long long start = 0;
  if (!p || sscanf(p + 1,
                   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                   "%llu",
                   &state, &start) != 2)
    return 0;
  return state == 'Z' || state == 'X' ? 0 : start;
}

// Records the death of a rank, if one died or gave up.
void look_for_the_dead(Comm &c) {
  for (int r = 0; r < c.world; r++) {
    Seat &s = c.shared->seats[r];
    if (r == c.rank || !s.present) continue;
    if (s.aborted)
      c.fail(ncclRemoteError, "rank " + std::to_string(r) + " aborted");
    else if (s.pid != getpid() && born(s.pid) != s.born)
      c.fail(ncclRemoteError,
             "rank " + std::to_string(r) + " (process " + std::to_string(s.pid) + ") has ended");
  }
}

// Gives the shared memory its size, if there is room for it: a /dev/shm that is too small would
// otherwise end the process at the first touch.
bool reserve(int fd, size_t bytes) {
  errno = posix_fallocate(fd, 0, off_t(bytes));
  return errno == 0;
}

}  // namespace

Comm::~Comm() {
  if (shared) munmap(shared, mapped);
}

void Comm::fail(int status, const std::string &why) {
  int none = 0;
  std::lock_guard<std::mutex> lock(mutex);
  if (error.compare_exchange_strong(none, status)) message = why;
}

int sit(Comm &c, const std::string &name, int world, int rank, std::string *why) {
  auto refuse = [&](int status, const std::string &text) { return *why = text, status; };
  c.name = name, c.world = world, c.rank = rank, c.mapped = Segment::bytes(world);
  const int fd = shm_open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return refuse(ncclSystemError, "no shared memory " + name + ": " + strerror(errno));
  struct stat st;
  void *p = MAP_FAILED;
  if (fstat(fd, &st) == 0 && (size_t(st.st_size) >= c.mapped || reserve(fd, c.mapped)))
    p = mmap(nullptr, c.mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int reason = errno;
  close(fd);
  if (p == MAP_FAILED)
    return refuse(ncclSystemError, "no room in shared memory: " + std::string(strerror(reason)));
  c.shared = static_cast<Segment *>(p);
  int none = 0;
  if (!c.shared->world.compare_exchange_strong(none, world) && none != world)
    return refuse(ncclInvalidArgument, std::to_string(world) + " ranks here, and " +
                                           std::to_string(none) + " on another rank");
  Seat &s = c.shared->seats[rank];
  none = 0;
  if (!s.taken.compare_exchange_strong(none, 1))
    return refuse(ncclInvalidUsage, "rank " + std::to_string(rank) + " is there already");
  int device = 0;
  auto &d = driver();
  if (!d.device || d.device(&device) || d.bus(s.bus, sizeof s.bus, device))
    return refuse(ncclUnhandledCudaError, "no current context");
  s.pid = getpid(), s.born = born(getpid());
  s.present = 1;
  for (int r = 0; r < world; r++)
    if (r != rank && c.shared->seats[r].present && !strcmp(c.shared->seats[r].bus, s.bus)) {
      c.shared->seats[rank].aborted = 1;
      return refuse(ncclInvalidUsage, "Duplicate GPU detected : rank " + std::to_string(rank) +
                                          " and rank " + std::to_string(r) +
                                          " both on CUDA device " + s.bus);
    }
  return ncclSuccess;
}

bool complete(Comm &c) {
  look_for_the_dead(c);
  for (int r = 0; r < c.world; r++)
    if (!c.shared->seats[r].present) return false;
  shm_unlink(c.name.c_str());  // no other rank may come; the first call of all ranks counts
  return true;
}

bool await(Comm &c, std::atomic<uint64_t> Seat::*counter, uint64_t round) {
  using namespace std::chrono;
  auto looked = steady_clock::now();
  for (int r = 0, spins = 0; r < c.world;) {
    if (c.aborted) return false;
    if ((c.shared->seats[r].*counter).load(std::memory_order_acquire) >= round) {
      r++, spins = 0;
      continue;
    }
    if (++spins < 200) {
      std::this_thread::yield();
      continue;
    }
    std::this_thread::sleep_for(microseconds(100));
    if (steady_clock::now() - looked > milliseconds(50))
      look_for_the_dead(c), looked = steady_clock::now();
  }
  return true;
}

}  // namespace ncl
