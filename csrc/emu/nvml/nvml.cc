// A stand-in libnvidia-ml.so.1 for tests: two cards without hardware (settings.h lists the ways to
// make them different). It is as strict as the real one about mistakes of a caller: no call works
// before nvmlInit, short buffers are refused, and the sizes of versioned structures are checked.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "card.h"

using card::check, card::code, card::migs, card::GiB, card::maxCards;

namespace {

constexpr int maxInstances = 7;

std::mutex mutex;
int users = 0;  // nvmlInit calls without their nvmlShutdown
nvmlDevice_st cards[maxCards], instances[maxCards][maxInstances];
int readings[maxCards];

int count() {
  int n = int(settings::number(-1, "cards", 2));
  return n < 0 ? 0 : n > maxCards ? maxCards : n;
}

bool lost(int card) {
  double after = settings::number(card, "lost", -1);
  return after >= 0 && readings[card] >= after;
}

nvmlReturn_t copy(const std::string &s, char *to, unsigned length) {
  if (!to) return NVML_ERROR_INVALID_ARGUMENT;
  if (length <= s.size()) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::memcpy(to, s.c_str(), s.size() + 1);
  return NVML_SUCCESS;
}

nvmlReturn_t initialized() {
  std::lock_guard<std::mutex> lock(mutex);
  return users > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

std::string numbered(const char *format, int a, int b) {
  char s[80];
  std::snprintf(s, sizeof s, format, a, b);
  return s;
}

// memory reads total, reserved and used bytes, and counts the reading.
nvmlReturn_t memory(nvmlDevice_t device, const void *out, double *total, double *reserved,
                    double *used) {
  if (nvmlReturn_t r = check(device, out, "memory")) return r;
  int card = device->card;
  if (int ms = int(settings::number(card, "delay", 0)))
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  *total = settings::number(card, "memory", 80 * GiB);
  *reserved = settings::number(card, "reserved", GiB / 2);
  *used = settings::number(card, "used", 10 * GiB);
  if (device->instance >= 0) *total /= maxInstances, *reserved /= maxInstances, *used /= migs(card);
  std::lock_guard<std::mutex> lock(mutex);
  ++readings[card];
  return NVML_SUCCESS;
}

}  // namespace

int card::migs(int card) {
  int n = int(settings::number(card, "mig", 0));
  return n < 0 ? 0 : n > maxInstances ? maxInstances : n;
}

nvmlReturn_t card::check(nvmlDevice_t device, const void *out, const char *field) {
  std::lock_guard<std::mutex> lock(mutex);
  if (users == 0) return NVML_ERROR_UNINITIALIZED;
  if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
  if (lost(device->card)) return NVML_ERROR_GPU_IS_LOST;
  return code(settings::failure(device->card, std::string("fail.") + field));
}

EXPORT nvmlReturn_t nvmlInit_v2(void) {
  if (int r = settings::failure(-1, "init")) return code(r);
  std::lock_guard<std::mutex> lock(mutex);
  ++users;
  for (int i = 0; i < maxCards; ++i) {
    cards[i] = {i, -1};
    for (int j = 0; j < maxInstances; ++j) instances[i][j] = {i, j};
  }
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlShutdown(void) {
  std::lock_guard<std::mutex> lock(mutex);
  if (users == 0) return NVML_ERROR_UNINITIALIZED;
  if (--users == 0) std::memset(readings, 0, sizeof readings);
  return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t result) {
  switch (int(result)) {
  case NVML_SUCCESS: return "The operation was successful";
  case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
  case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
  case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
  case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
  case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
  case NVML_ERROR_LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
  }
  return "Unknown Error";
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
  if (nvmlReturn_t r = initialized()) return r;
  return copy(settings::text(-1, "driver", "580.82.07"), version, length);
}

EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length) {
  if (nvmlReturn_t r = initialized()) return r;
  return copy("13." + settings::text(-1, "driver", "580.82.07"), version, length);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
  if (nvmlReturn_t r = initialized()) return r;
  if (!version) return NVML_ERROR_INVALID_ARGUMENT;
  *version = int(settings::number(-1, "cuda", 13000));
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length) {
  if (nvmlReturn_t r = initialized()) return r;
  return copy(numbered("process-%d", int(pid), 0), name, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *n) {
  if (nvmlReturn_t r = initialized()) return r;
  if (!n) return NVML_ERROR_INVALID_ARGUMENT;
  *n = unsigned(count());
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
  if (nvmlReturn_t r = initialized()) return r;
  if (!device || index >= unsigned(count())) return NVML_ERROR_INVALID_ARGUMENT;
  std::lock_guard<std::mutex> lock(mutex);
  if (lost(int(index))) return NVML_ERROR_GPU_IS_LOST;
  *device = &cards[index];
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length) {
  if (nvmlReturn_t r = check(device, name, "name")) return r;
  std::string s = settings::text(device->card, "name", "NVIDIA H100 80GB HBM3");
  return copy(device->instance < 0 ? s : s + " MIG 1g.10gb", name, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length) {
  if (nvmlReturn_t r = check(device, uuid, "uuid")) return r;
  // The emulated libcuda.so.1 gives the same name: "shake emulator 0".
  if (device->instance < 0)
    return copy(numbered("GPU-7368616b-6520-656d-756c-61746f7220%02x", '0' + device->card, 0), uuid,
                length);
  return copy(numbered("MIG-7368616b-6520-656d-756c-61746f72%02x%02x", '0' + device->card,
                       '0' + device->instance),
              uuid, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
  if (nvmlReturn_t r = check(device, pci, "pci")) return r;
  std::memset(pci, 0, sizeof *pci);
  pci->bus = unsigned(0x19 + 0x22 * device->card);  // the same as in the emulated libcuda.so.1
  std::snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
  std::snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "0000:%02X:00.0", pci->bus);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major,
                                                       int *minor) {
  if (nvmlReturn_t r = check(device, major, "capability")) return r;
  *major = 9, *minor = 0;
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *m) {
  double total, reserved, used;
  if (nvmlReturn_t r = memory(device, m, &total, &reserved, &used)) return r;
  m->total = (unsigned long long)total, m->used = (unsigned long long)(used + reserved),
  m->free = m->total - m->used;
  return NVML_SUCCESS;
}

NEWER nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *m) {
  if (m && m->version != (sizeof *m | 2u << 24)) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  double total, reserved, used;
  if (nvmlReturn_t r = memory(device, m, &total, &reserved, &used)) return r;
  m->total = (unsigned long long)total, m->reserved = (unsigned long long)reserved,
  m->used = (unsigned long long)used;
  m->free = m->total - m->reserved - m->used;
  return NVML_SUCCESS;
}

NEWER nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
  if (nvmlReturn_t r = check(device, current, "mig")) return r;
  *current = *pending = migs(device->card) > 0;
  return NVML_SUCCESS;
}

NEWER nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *n) {
  if (nvmlReturn_t r = check(device, n, "mig")) return r;
  *n = maxInstances;
  return NVML_SUCCESS;
}

NEWER nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index,
                                                       nvmlDevice_t *instance) {
  if (nvmlReturn_t r = check(device, instance, "mig")) return r;
  if (index >= unsigned(maxInstances)) return NVML_ERROR_INVALID_ARGUMENT;
  if (int(index) >= migs(device->card)) return NVML_ERROR_NOT_FOUND;
  *instance = &instances[device->card][index];
  return NVML_SUCCESS;
}
