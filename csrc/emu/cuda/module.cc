// Modules and their functions.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "image.h"
#include "memory.h"
#include "state.h"

using namespace emu;

namespace {

bool write_all(int fd, const void *p, size_t n) {
  for (auto *b = static_cast<const char *>(p); n;) {
    ssize_t k = write(fd, b, n);
    if (k <= 0) return false;
    b += k, n -= size_t(k);
  }
  return true;
}

// The addresses of the object in memory, and the bytes of it that each thread has as its own: the
// static shared memory.
int segments(dl_phdr_info *info, size_t, void *arg) {
  auto *m = static_cast<Module *>(arg);
  link_map *map;
  if (dlinfo(m->library, RTLD_DI_LINKMAP, &map) || map->l_addr != info->dlpi_addr ||
      strcmp(map->l_name, info->dlpi_name))
    return 0;
  m->lo = ~uintptr_t(0);
  for (int i = 0; i < info->dlpi_phnum; i++) {
    auto &p = info->dlpi_phdr[i];
    if (p.p_type == PT_LOAD) {
      m->lo = std::min(m->lo, uintptr_t(info->dlpi_addr + p.p_vaddr));
      m->hi = std::max(m->hi, uintptr_t(info->dlpi_addr + p.p_vaddr + p.p_memsz));
    }
    if (p.p_type == PT_TLS) m->shared = p.p_memsz, m->tls = info->dlpi_tls_modid;
  }
  return 1;
}

}  // namespace

namespace emu {

Module::~Module() {
  if (hi) memory::disown(lo, hi);
  if (library) dlclose(library);
  // Not earlier: the loader knows objects by name, and the name has the descriptor's number.
  if (file >= 0) close(file);
}

CUresult load_image(Context &c, const void *data, std::shared_ptr<Module> &out) {
  image::Header h;
  memcpy(&h, data, 8);
  if (memcmp(h.magic, image::kMagic, sizeof h.magic)) {
    auto *text = static_cast<const char *>(data);
    if (!memcmp(text, ".version", 8) || !memcmp(text, "//", 2)) return CUDA_ERROR_INVALID_PTX;
    return CUDA_ERROR_INVALID_IMAGE;
  }
  memcpy(&h, data, sizeof h);
  auto *body = static_cast<const char *>(data) + sizeof h;
  if (h.bytes > (1u << 30) || image::sum(body, h.bytes) != h.sum) return CUDA_ERROR_INVALID_IMAGE;
  int major, minor;
  cuDeviceComputeCapability(&major, &minor, c.device);
  const uint32_t card = uint32_t(10 * major + minor);
  const bool fits =
      h.flags & image::kPortable ? h.arch <= card : h.arch / 10 == card / 10 && h.arch <= card;
  if (!fits || h.abi != SK_EMU_ABI || h.machine != image::kMachine)
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  auto m = std::make_shared<Module>();
  m->context = &c;
  m->file = memfd_create("kernel", MFD_CLOEXEC);
  if (m->file < 0 || !write_all(m->file, body, h.bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::string name = "/proc/self/fd/" + std::to_string(m->file);
  if (!(m->library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))) {
    say("opening a kernel: %s", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  m->image = static_cast<const sk_emu_image *>(dlsym(m->library, "sk_emu_kernels"));
  if (!m->image || m->image->abi != SK_EMU_ABI) return CUDA_ERROR_INVALID_IMAGE;
  m->waits = h.flags & image::kWaits;
  dl_iterate_phdr(segments, m.get());
  out = m;
  return CUDA_SUCCESS;
}

}  // namespace emu

SK_API CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned n,
                                   CUjit_option *options, void **values) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  if (!module || !image || (n && (!options || !values))) return CUDA_ERROR_INVALID_VALUE;
  if (auto e = unsafe_call()) return e;
  std::shared_ptr<Module> m;
  if (auto e = load_image(*in.context, image, m)) return e;
  give(kModule, m);
  in.context->modules.push_back(m->handle);
  count("module");
  *module = as_handle<CUmodule>(*m);
  return CUDA_SUCCESS;
}
SK_API CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

SK_API CUresult cuModuleUnload(CUmodule module) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto m = get<Module>(kModule, module);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  for (uintptr_t f : m->functions) drop(f);
  drop(m->handle);
  auto &all = in.context->modules;
  all.erase(std::remove(all.begin(), all.end(), m->handle), all.end());
  return CUDA_SUCCESS;
}

SK_API CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto m = get<Module>(kModule, module);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  if (!function || !name) return CUDA_ERROR_INVALID_VALUE;
  for (uintptr_t h : m->functions) {
    auto f = get<Function>(kFunction, reinterpret_cast<void *>(h));
    if (f && f->name == name) return *function = as_handle<CUfunction>(*f), CUDA_SUCCESS;
  }
  for (unsigned i = 0; i < m->image->kernels; i++) {
    if (strcmp(m->image->kernel[i].name, name)) continue;
    auto f = std::make_shared<Function>();
    f->module = m;
    f->kernel = &m->image->kernel[i];
    f->name = name;
    m->functions.push_back(give(kFunction, f));
    *function = as_handle<CUfunction>(*f);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

SK_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *p, size_t *bytes, CUmodule module,
                                     const char *name) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto m = get<Module>(kModule, module);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  void *at = dlsym(m->library, name);
  Dl_info info;
  const ElfW(Sym) *symbol = nullptr;
  if (!at || uintptr_t(at) < m->lo || uintptr_t(at) >= m->hi ||
      !dladdr1(at, &info, reinterpret_cast<void **>(const_cast<ElfW(Sym) **>(&symbol)),
               RTLD_DL_SYMENT) ||
      !symbol || ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT)
    return CUDA_ERROR_NOT_FOUND;
  memory::adopt(in.context.get(), uintptr_t(at), symbol->st_size);
  if (p) *p = uintptr_t(at);
  if (bytes) *bytes = symbol->st_size;
  return CUDA_SUCCESS;
}

SK_API CUresult cuFuncGetName(const char **name, CUfunction function) {
  Enter in(kInit);
  if (in.error) return in.error;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *name = f->kernel->name;
  return CUDA_SUCCESS;
}

SK_API CUresult cuFuncGetModule(CUmodule *module, CUfunction function) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f || !module) return f ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  *module = as_handle<CUmodule>(*f->module);
  return CUDA_SUCCESS;
}

SK_API CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset,
                                   size_t *size) {
  Enter in(kInit);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (!offset || index >= f->kernel->params) return CUDA_ERROR_INVALID_VALUE;
  size_t at = 0;
  for (size_t i = 0;; i++) {
    const size_t n = f->kernel->sizes[i], align = n >= 16 ? 16 : n >= 8 ? 8 : n >= 4 ? 4 : n;
    at = (at + align - 1) / align * align;
    if (i == index) break;
    at += n;
  }
  *offset = at;
  if (size) *size = f->kernel->sizes[index];
  return CUDA_SUCCESS;
}

SK_API CUresult cuFuncGetAttribute(int *value, CUfunction_attribute a, CUfunction function) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  int major, minor;
  cuDeviceComputeCapability(&major, &minor, in.context->device);
  switch (a) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = f->kernel->max_threads ? int(f->kernel->max_threads) : 1024;
    break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = int(f->module->shared); break;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = 0; break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;  // registers are not modelled
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 10 * major + minor; break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = int(f->dynamic); break;
  default: *value = 0; return a < 0 || a > 16 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  }
  return CUDA_SUCCESS;
}

SK_API CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute a, int value) {
  Enter in(kCurrent);
  if (in.error) return in.error;
  auto f = get<Function>(kFunction, function);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    return a == 9 && value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  int most;
  cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                       in.context->device);
  if (value < 0 || size_t(value) + f->module->shared > size_t(most))
    return CUDA_ERROR_INVALID_VALUE;
  f->dynamic = unsigned(value);
  return CUDA_SUCCESS;
}
