#include "state.h"

#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <unordered_map>

#include "hooks.h"
#include "settings.h"

namespace emu {

std::mutex mutex;
std::condition_variable changed;
std::vector<std::shared_ptr<Capture>> captures;

namespace {

constexpr int kMaxCards = 16;
std::unordered_map<uintptr_t, std::shared_ptr<Object>> objects;
uintptr_t serial = 0;

std::mutex counting;
std::map<std::string, long> counters;
std::string message;

}  // namespace

Device &device(int ordinal) {
  static Device devices[kMaxCards];
  return devices[ordinal];
}

uintptr_t give(Kind kind, std::shared_ptr<Object> object) {
  // The handle is not an address on any processor, so that a read through it faults.
  object->handle = uintptr_t(0x5e) << 56 | uintptr_t(kind) << 48 | ++serial << 4;
  objects[object->handle] = object;
  return object->handle;
}

std::shared_ptr<Object> find(Kind kind, const void *handle) {
  auto h = reinterpret_cast<uintptr_t>(handle);
  if ((h >> 48 & 0xff) != kind) return nullptr;
  auto it = objects.find(h);
  return it == objects.end() ? nullptr : it->second;
}

void drop(uintptr_t handle) { objects.erase(handle); }

size_t live() { return objects.size(); }

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

void count(const char *what, long n) {
  std::lock_guard<std::mutex> lock(counting);
  counters[what] += n;
}

namespace {
std::map<std::string, std::pair<double, long>> times;  // guarded by counting
}

void spent(const std::string &kernel, double seconds) {
  std::lock_guard<std::mutex> lock(counting);
  auto &t = times[kernel];
  t.first += seconds, t.second++;
}

void report() {
  std::lock_guard<std::mutex> lock(counting);
  double all = 0;
  for (auto &t : times) all += t.second.first;
  for (auto &t : times)
    fprintf(stderr, "emulator: %8.3f s %5.1f %% %8ld times  %s\n", t.second.first,
            100 * t.second.first / all, t.second.second, t.first.c_str());
  times.clear();
}

void say(const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  std::lock_guard<std::mutex> lock(counting);
  message = text;
  const std::string to = settings::text(-1, "log", "stderr");
  if (to == "none") return;
  FILE *f = to == "stderr" ? stderr : fopen(to.c_str(), "a");
  if (!f) return;
  fprintf(f, "emulator: %s\n", text);
  if (f != stderr) fclose(f);
}

}  // namespace emu

SK_API long sk_emu_count(const char *what) {
  if (!strcmp(what, "live_handles")) {
    std::lock_guard<std::mutex> lock(emu::mutex);
    return long(emu::live());
  }
  if (!strcmp(what, "live_bytes")) return long(sk_emu_live_bytes());
  std::lock_guard<std::mutex> lock(emu::counting);
  auto it = emu::counters.find(what);
  return it == emu::counters.end() ? 0 : it->second;
}

SK_API void sk_emu_reset_counts(void) {
  std::lock_guard<std::mutex> lock(emu::counting);
  emu::counters.clear();
}

SK_API void sk_emu_add(const char *what, long n) { emu::count(what, n); }

SK_API size_t sk_emu_message(char *text, size_t size) {
  std::lock_guard<std::mutex> lock(emu::counting);
  if (size) snprintf(text, size, "%s", emu::message.c_str());
  return emu::message.size();
}

SK_API void sk_emu_set(const char *all) {
  settings::replace(all);
  std::lock_guard<std::mutex> lock(emu::counting);
  emu::message.clear();
}

SK_API void sk_emu_log(const char *text) { emu::say("%s", text); }
