// Handles, and the way to the emulated driver below.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

namespace dnn {

// Handle is the object behind a cudnnHandle_t.
struct Handle {
  void *stream = nullptr;
  int arch = 900;
  std::thread::id thread = std::this_thread::get_id();
};

// liveHandle returns the handle; null and another thread's are refused, a destroyed one ends the
// process.
Handle *liveHandle(void *h);

// version is the result of cudnnGetVersion.
size_t version();
// currentArch is 100 x major + 10 x minor of the current context's device, 900 without one.
int currentArch();

// The emulated driver's hooks. Without an emulated driver in the process, queue runs the work at
// once and check accepts every pointer. queue takes over arg: release is called when the work can
// not run any more.
int queue(void *stream, void (*run)(void *), void *arg, void (*release)(void *));
bool inDevice(const void *p, size_t bytes, bool write);
// failWork fails the running work of the stream with an illegal address: the context is lost, as on
// a card. Without a driver it ends the process.
void failWork(const std::string &why);
// countEvent adds to one of the driver's counters.
void countEvent(const char *what, long n = 1);

}  // namespace dnn
