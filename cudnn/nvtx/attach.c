#include "attach.h"

#include <dlfcn.h>
#include <stdio.h>

#include "../../csrc/load/nvtx.h"

/* Each module's functions by number, and the pointers to their places that a tool asks for. Entry 0
   is none, and a null pointer ends a table. */
#define SK_MODULE(name)                                     \
  static NvtxFunctionPointer name[NVTX_CBID_##name##_SIZE]; \
  static NvtxFunctionPointer *name##_places[NVTX_CBID_##name##_SIZE + 1];
SK_MODULE(CORE)
SK_MODULE(CUDA)
SK_MODULE(OPENCL)
SK_MODULE(CUDART)
SK_MODULE(CORE2)
SK_MODULE(SYNC)

static const struct {
  NvtxFunctionPointer *functions, **places;
  unsigned size;
} modules[NVTX_CB_MODULE_SIZE] = {
#define SK_ENTRY(name) [NVTX_CB_MODULE_##name] = {name, name##_places, NVTX_CBID_##name##_SIZE}
    SK_ENTRY(CORE),   SK_ENTRY(CUDA),  SK_ENTRY(OPENCL),
    SK_ENTRY(CUDART), SK_ENTRY(CORE2), SK_ENTRY(SYNC),
};

static sk_nvtx_table tool;
static nvtxDomainHandle_t domain;

static int function_table(int module, NvtxFunctionTable *table, unsigned *size) {
  if (module <= 0 || module >= NVTX_CB_MODULE_SIZE) return 0;
  if (size) *size = modules[module].size;
  if (table) *table = modules[module].places;
  return 1;
}

static void set_version(uint32_t version) { (void)version; }

static const NvtxExportTableCallbacks callbacks = {sizeof callbacks, function_table};
static const NvtxExportTableVersionInfo info = {sizeof info, NVTX_VERSION, 0, set_version};

static const void *export_table(uint32_t id) {
  switch (id) {
  case NVTX_ETID_CALLBACKS: return &callbacks;
  case NVTX_ETID_VERSIONINFO: return &info;
  }
  return NULL;
}

int sk_nvtx_attach(const char *path, const char *name, char *why, size_t len) {
  dlerror();
  void *library = dlopen(path, RTLD_LAZY);
  if (!library) {
    const char *e = dlerror();
    return snprintf(why, len, "%s", e ? e : "it cannot be opened"), 1;
  }
  union {
    void *symbol;
    NvtxInitializeInjectionNvtxFunc_t call;
  } init = {dlsym(library, "InitializeInjectionNvtx2")};
  if (!init.symbol) {
    dlclose(library);
    return snprintf(why, len, "%s has no InitializeInjectionNvtx2: it is no tool for NVTX", path),
           1;
  }
  for (int m = 1; m < NVTX_CB_MODULE_SIZE; m++)
    for (unsigned i = 1; i < modules[m].size; i++) modules[m].places[i] = &modules[m].functions[i];
  if (!init.call(export_table)) {
    return snprintf(why, len, "the tool in %s does not start", path), 1;
  }
#define SK_TAKE(ret, function, args) tool.function = (ret(*) args)CORE2[NVTX_CBID_CORE2_##function];
#define NVTX_CBID_CORE2_nvtxDomainCreateA NVTX_CBID_CORE2_DomainCreateA
#define NVTX_CBID_CORE2_nvtxDomainRegisterStringA NVTX_CBID_CORE2_DomainRegisterStringA
#define NVTX_CBID_CORE2_nvtxDomainRangePushEx NVTX_CBID_CORE2_DomainRangePushEx
#define NVTX_CBID_CORE2_nvtxDomainRangePop NVTX_CBID_CORE2_DomainRangePop
  SK_NVTX_FUNCTIONS(SK_TAKE, SK_TAKE)
  if (!tool.nvtxDomainRegisterStringA || !tool.nvtxDomainRangePushEx || !tool.nvtxDomainRangePop)
    return snprintf(why, len, "the tool in %s takes no ranges of domains", path), 1;
  if (tool.nvtxDomainCreateA) domain = tool.nvtxDomainCreateA(name);
  return 0;
}

uintptr_t sk_nvtx_register(const char *name) {
  return (uintptr_t)tool.nvtxDomainRegisterStringA(domain, name);
}

void sk_nvtx_push(uintptr_t name) {
  nvtxEventAttributes_t a = {0};
  a.version = NVTX_VERSION;
  a.size = sizeof a;
  a.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
  a.message.registered = (nvtxStringHandle_t)name;
  tool.nvtxDomainRangePushEx(domain, &a);
}

void sk_nvtx_pop(void) { tool.nvtxDomainRangePop(domain); }
