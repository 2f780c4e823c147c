// A profiler's library for NVTX, as small as one can be: it attaches to the functions of domains
// and ranges, and writes a line for each call into the file that SHAKE_EMU_NVTX names.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../../load/nvtx.h"

namespace {

std::mutex mutex;
FILE *out;
std::set<std::string> strings;  // their places stay
thread_local std::vector<std::string> open_ranges;

const char *keep(const char *s) {
  std::lock_guard<std::mutex> lock(mutex);
  return strings.insert(s).first->c_str();
}

void line(const char *what, const std::string &domain, const std::string &text) {
  std::lock_guard<std::mutex> lock(mutex);
  fprintf(out, "%s %s: %s\n", what, domain.c_str(), text.c_str());
  fflush(out);
}

const char *name(nvtxDomainHandle_t d) { return d ? reinterpret_cast<const char *>(d) : "none"; }

nvtxDomainHandle_t create(const char *s) {
  return reinterpret_cast<nvtxDomainHandle_t>(const_cast<char *>(keep(s)));
}

nvtxStringHandle_t add(nvtxDomainHandle_t, const char *s) {
  return reinterpret_cast<nvtxStringHandle_t>(const_cast<char *>(keep(s)));
}

int push(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) {
  const bool known = a && a->version == NVTX_VERSION && a->size == sizeof *a &&
                     a->messageType == NVTX_MESSAGE_TYPE_REGISTERED;
  open_ranges.push_back(known ? reinterpret_cast<const char *>(a->message.registered) : "?");
  std::string path;
  for (auto &r : open_ranges) path += (path.empty() ? "" : " > ") + r;
  line("push", name(d), path);
  return int(open_ranges.size()) - 1;
}

int pop(nvtxDomainHandle_t d) {
  if (open_ranges.empty()) return line("pop", name(d), "of nothing"), -2;
  line("pop", name(d), open_ranges.back());
  open_ranges.pop_back();
  return int(open_ranges.size());
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get) {
  const char *file = std::getenv("SHAKE_EMU_NVTX");
  if (!file || !(out = fopen(file, "ae"))) return 0;
  auto *info = static_cast<const NvtxExportTableVersionInfo *>(get(NVTX_ETID_VERSIONINFO));
  auto *tables = static_cast<const NvtxExportTableCallbacks *>(get(NVTX_ETID_CALLBACKS));
  if (!info || info->struct_size < sizeof *info || info->version != NVTX_VERSION || !tables ||
      tables->struct_size < sizeof *tables)
    return 0;
  info->SetInjectionNvtxVersion(NVTX_VERSION);
  // A tool attaches to every module that it knows, and expects all to be there.
  for (int m = 1; m < NVTX_CB_MODULE_SIZE; m++) {
    NvtxFunctionTable table = nullptr;
    unsigned size = 0;
    if (!tables->GetModuleFunctionTable(m, &table, &size) || !table || table[size]) return 0;
    for (unsigned i = 1; i < size; i++)
      if (!table[i]) return 0;
    if (m != NVTX_CB_MODULE_CORE2) continue;
    *table[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(create);
    *table[NVTX_CBID_CORE2_DomainRegisterStringA] = reinterpret_cast<NvtxFunctionPointer>(add);
    *table[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(push);
    *table[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(pop);
  }
  return 1;
}
