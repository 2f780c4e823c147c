// A stand-in libnvrtc.so.13. The host's compiler compiles the text. The result, a shared object for
// the emulated driver, is returned as a cubin.
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "../../load/nvrtc.h"
#include "compile.h"

#define SK_API extern "C" __attribute__((visibility("default")))

#define SK_DECLARE(ret, name, args) extern "C" ret name args;
SK_NVRTC_FUNCTIONS(SK_DECLARE, SK_DECLARE)
#undef SK_DECLARE

namespace {

struct Program {
  std::string source, name, log;
  std::string cubin, ptx;
  bool compiled = false;
};

std::mutex mutex;
std::map<nvrtcProgram, std::shared_ptr<Program>> programs;
long compilations = 0;

std::shared_ptr<Program> find(nvrtcProgram p) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = programs.find(p);
  return it == programs.end() ? nullptr : it->second;
}

nvrtcResult give(const std::string &s, char *to) {
  if (!to) return NVRTC_ERROR_INVALID_INPUT;
  memcpy(to, s.data(), s.size());
  return NVRTC_SUCCESS;
}

nvrtcResult size(size_t n, size_t *to) {
  if (!to) return NVRTC_ERROR_INVALID_INPUT;
  *to = n;
  return NVRTC_SUCCESS;
}

constexpr int kArchs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

}  // namespace

SK_API const char *nvrtcGetErrorString(nvrtcResult r) {
  switch (r) {
  case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
  case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
  case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
  case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
  case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
  case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
  case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
  case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
  case NVRTC_ERROR_INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
  }
  return "NVRTC_ERROR unknown";
}

SK_API nvrtcResult nvrtcVersion(int *major, int *minor) {
  if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
  *major = 13, *minor = 0;
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcGetNumSupportedArchs(int *n) {
  if (!n) return NVRTC_ERROR_INVALID_INPUT;
  *n = int(sizeof kArchs / sizeof *kArchs);
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcGetSupportedArchs(int *archs) {
  if (!archs) return NVRTC_ERROR_INVALID_INPUT;
  memcpy(archs, kArchs, sizeof kArchs);
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name,
                                      int headers, const char *const *texts,
                                      const char *const *names) {
  if (!program || !source || headers < 0) return NVRTC_ERROR_INVALID_INPUT;
  (void)texts, (void)names;
  if (headers)
    return NVRTC_ERROR_PROGRAM_CREATION_FAILURE;  // only texts without headers are emulated
  auto p = std::make_shared<Program>();
  p->source = source;
  p->name = name && *name ? name : "default_program";
  std::lock_guard<std::mutex> lock(mutex);
  static uintptr_t serial = 0;
  *program = reinterpret_cast<nvrtcProgram>(uintptr_t(0x5f) << 56 | ++serial << 4);
  programs[*program] = p;
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program) {
  if (!program) return NVRTC_ERROR_INVALID_PROGRAM;
  std::lock_guard<std::mutex> lock(mutex);
  if (!programs.erase(*program)) return NVRTC_ERROR_INVALID_PROGRAM;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int n, const char *const *given) {
  auto p = find(program);
  if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
  if (n < 0 || (n && !given)) return NVRTC_ERROR_INVALID_INPUT;
  {
    std::lock_guard<std::mutex> lock(mutex);
    compilations++;
  }
  auto o = compile::options(n, given);
  p->log = o.error;
  if (!o.error.empty()) return NVRTC_ERROR_INVALID_OPTION;
  auto r = compile::run(p->source, p->name, o);
  p->log = r.log;
  p->compiled = r.ok;
  if (!r.ok) return NVRTC_ERROR_COMPILATION;
  p->cubin = o.portable ? "" : r.image;
  p->ptx = r.image;
  return NVRTC_SUCCESS;
}

SK_API nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes) {
  auto p = find(program);
  return !p || !p->compiled ? NVRTC_ERROR_INVALID_PROGRAM : size(p->cubin.size(), bytes);
}
SK_API nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin) {
  auto p = find(program);
  return !p || !p->compiled ? NVRTC_ERROR_INVALID_PROGRAM : give(p->cubin, cubin);
}
SK_API nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes) {
  auto p = find(program);
  return !p || !p->compiled ? NVRTC_ERROR_INVALID_PROGRAM : size(p->ptx.size(), bytes);
}
SK_API nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx) {
  auto p = find(program);
  return !p || !p->compiled ? NVRTC_ERROR_INVALID_PROGRAM : give(p->ptx, ptx);
}
SK_API nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes) {
  auto p = find(program);
  return !p ? NVRTC_ERROR_INVALID_PROGRAM : size(p->log.size() + 1, bytes);
}
SK_API nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log) {
  auto p = find(program);
  return !p ? NVRTC_ERROR_INVALID_PROGRAM
            : give(std::string(p->log.c_str(), p->log.size() + 1), log);
}

// The number of compilations that were requested.
SK_API long sk_emu_compilations(void) {
  std::lock_guard<std::mutex> lock(mutex);
  return compilations;
}

// Every function that csrc/load/nvrtc.h declares has to be here; otherwise this library does not
// link.
#define ADDRESS(ret, name, args) reinterpret_cast<void *>(static_cast<ret(*) args>(&name)),
extern "C" void *const sk_emu_nvrtc_all[] = {SK_NVRTC_FUNCTIONS(ADDRESS, ADDRESS)};
