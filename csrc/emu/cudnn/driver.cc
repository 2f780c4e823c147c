// The connection to the emulated driver, which is found at run time: in the process, or beside this
// library.
#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <unordered_set>

#include "handle.h"
#include "settings.h"
#include "status.h"

namespace dnn {
namespace {

using Enqueue = int (*)(void *, void (*)(void *), void *, void (*)(void *));
using Check = int (*)(const void *, size_t, int);
using CurrentDevice = int (*)(int *);
using Attribute = int (*)(int *, int, int);
using Fail = void (*)(int);
using Log = void (*)(const char *);
using Add = void (*)(const char *, long);

// Driver holds the used functions of libcuda; they are null without a driver.
struct Driver {
  Enqueue enqueue = nullptr;
  Check check = nullptr;
  CurrentDevice device = nullptr;
  Attribute attribute = nullptr;
  Fail fail = nullptr;
  Log log = nullptr;
  Add add = nullptr;

  Driver() {
    void *so = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    std::string beside = folder() + "/libcuda.so.1";
    if (!so) so = dlopen(beside.c_str(), RTLD_NOW);
    find(enqueue, so, "sk_emu_enqueue");
    find(check, so, "sk_emu_check");
    find(device, so, "cuCtxGetDevice");
    find(attribute, so, "cuDeviceGetAttribute");
    find(fail, so, "sk_emu_fail");
    find(log, so, "sk_emu_log");
    find(add, so, "sk_emu_add");
  }
  template <class F> static void find(F &f, void *so, const char *name) {
    void *p = dlsym(RTLD_DEFAULT, name);
    f = reinterpret_cast<F>(p || !so ? p : dlsym(so, name));
  }
  static std::string folder() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&version), &info) || !info.dli_fname) return ".";
    std::string path = info.dli_fname;
    auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
  }
};

Driver &driver() {
  static Driver d;
  return d;
}

std::mutex handlesMutex;
std::unordered_set<void *> &handles() {
  static auto *s = new std::unordered_set<void *>;
  return *s;
}

}  // namespace

size_t version() { return size_t(setting("version", 92801)); }

int currentArch() {
  int device = 0, major = 0, minor = 0;
  auto &d = driver();
  if (!d.device || !d.attribute || d.device(&device)) return 900;
  if (d.attribute(&major, 75, device) || d.attribute(&minor, 76, device)) return 900;
  return 100 * major + 10 * minor;
}

int queue(void *stream, void (*run)(void *), void *arg, void (*release)(void *)) {
  if (auto f = driver().enqueue) return f(stream, run, arg, release);
  run(arg);
  release(arg);
  return 0;
}

bool inDevice(const void *p, size_t bytes, bool write) {
  auto f = driver().check;
  return !f || f(p, bytes, write);
}

void failWork(const std::string &why) {
  auto &d = driver();
  if (!d.fail) die("%s", why.c_str());
  if (d.log) d.log(("libcudnn: " + why).c_str());
  d.fail(700);
}

Handle *liveHandle(void *h) {
  if (!h) refuse(abi::kBadParam, "the handle is null");
  std::lock_guard<std::mutex> lock(handlesMutex);
  if (!handles().count(h)) die("%p is no live handle (destroyed before?)", h);
  auto handle = static_cast<Handle *>(h);
  if (handle->thread != std::this_thread::get_id())
    refuse(abi::kBadParam, "the handle belongs to another thread");
  return handle;
}

void countEvent(const char *what, long n) {
  if (auto f = driver().add) f(what, n);
}

}  // namespace dnn

SK_EXPORTS
using namespace dnn;

// cudnnCreate makes a handle on the current context's device and its default stream.
int cudnnCreate(void **handle) {
  return guarded("cudnnCreate", [&] {
    if (!handle) refuse(abi::kBadParam, "the place for the handle is null");
    *handle = nullptr;
    if (int status = int(setting("create", 0))) refuse(status, "asked to fail by SHAKE_EMU_CUDNN");
    auto h = new Handle;
    h->arch = currentArch();
    std::lock_guard<std::mutex> lock(handlesMutex);
    handles().insert(h);
    *handle = h;
    countEvent("cudnn_handle");
  });
}

int cudnnDestroy(void *handle) {
  return guarded("cudnnDestroy", [&] {
    if (!handle) return;
    auto h = liveHandle(handle);
    std::lock_guard<std::mutex> lock(handlesMutex);
    handles().erase(h);
    delete h;
    countEvent("cudnn_handle", -1);
  });
}

int cudnnSetStream(void *handle, void *stream) {
  return guarded("cudnnSetStream", [&] { liveHandle(handle)->stream = stream; });
}

int cudnnGetStream(void *handle, void **stream) {
  return guarded("cudnnGetStream", [&] {
    if (!stream) refuse(abi::kBadParam, "the place for the stream is null");
    *stream = liveHandle(handle)->stream;
  });
}

size_t cudnnGetVersion() { return version(); }
size_t cudnnGetCudartVersion() { return 13000; }
size_t cudnnGetMaxDeviceVersion() { return 1210; }

// cudnnGetProperty gives the version's parts: 0 major, 1 minor, 2 patch.
int cudnnGetProperty(int part, int *value) {
  return guarded("cudnnGetProperty", [&] {
    if (!value) refuse(abi::kBadParam, "the place for the value is null");
    int v = int(version()), large = v >= 90000 ? 10000 : 1000;
    if (part < 0 || part > 2) refuse(abi::kBadParam, "property %d", part);
    *value = part == 0 ? v / large : part == 1 ? v % large / 100 : v % 100;
  });
}

// cudnnQueryRuntimeError: the device never has old errors.
int cudnnQueryRuntimeError(void *handle, int *status, int, void *) {
  return guarded("cudnnQueryRuntimeError", [&] {
    liveHandle(handle);
    if (status) *status = abi::kSuccess;
  });
}

int cudnnGraphVersionCheck() { return abi::kSuccess; }
SK_EXPORTS_END
