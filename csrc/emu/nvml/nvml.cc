// A stand-in libnvidia-ml.so.1 for tests: two cards without hardware (settings.h lists the ways to
// make them different). It is as strict as the real one about mistakes of a caller: no call works
// before nvmlInit, short buffers are refused, and the sizes of versioned structures are checked.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "../../nvml/nvml.h"
#include "settings.h"

#define EXPORT extern "C" __attribute__((visibility("default")))
// NEWER marks functions that drivers before R510 lack. With SK_NVML_OLD this library lacks them
// too.
#ifdef SK_NVML_OLD
#define NEWER extern "C" __attribute__((visibility("hidden")))
#else
#define NEWER EXPORT
#endif

struct nvmlDevice_st {
  int card;
  int instance;  // of MIG; -1: the card itself
};

namespace {

constexpr int maxCards = 16, maxInstances = 7;
constexpr double GiB = 1073741824.0;

std::mutex mutex;
int users = 0;  // nvmlInit calls without their nvmlShutdown
nvmlDevice_st cards[maxCards], instances[maxCards][maxInstances];
int readings[maxCards];

// The energy of a card is the integral of its power over the times of the readings.
struct {
  double joules = 0, at = 0;
} meter[maxCards];

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

int count() {
  int n = int(settings::number(-1, "cards", 2));
  return n < 0 ? 0 : n > maxCards ? maxCards : n;
}

int migs(int card) {
  int n = int(settings::number(card, "mig", 0));
  return n < 0 ? 0 : n > maxInstances ? maxInstances : n;
}

nvmlReturn_t code(int n) { return nvmlReturn_t(n); }

bool lost(int card) {
  double after = settings::number(card, "lost", -1);
  return after >= 0 && readings[card] >= after;
}

// check makes the checks at the start of every reading of a card.
nvmlReturn_t check(nvmlDevice_t device, const void *out, const char *field) {
  std::lock_guard<std::mutex> lock(mutex);
  if (users == 0) return NVML_ERROR_UNINITIALIZED;
  if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
  if (lost(device->card)) return NVML_ERROR_GPU_IS_LOST;
  return code(settings::failure(device->card, std::string("fail.") + field));
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

double watts(int card) { return settings::number(card, "power", 300); }

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

NEWER nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device,
                                                       unsigned long long *millijoules) {
  if (nvmlReturn_t r = check(device, millijoules, "energy")) return r;
  double fixed = settings::number(device->card, "energy", -1);
  if (fixed >= 0) return *millijoules = (unsigned long long)(1e3 * fixed), NVML_SUCCESS;
  double t = now(), w = watts(device->card);
  std::lock_guard<std::mutex> lock(mutex);
  auto &m = meter[device->card];
  if (m.at > 0) m.joules += w * (t - m.at);
  m.at = t;
  *millijoules = (unsigned long long)(1e3 * m.joules);
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

NEWER nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *n,
                                                           nvmlProcessInfo_t *list) {
  if (nvmlReturn_t r = check(device, n, "processes")) return r;
  unsigned room = *n, have = 0;
  std::istringstream in(settings::text(device->card, "processes", ""));
  for (std::string entry; std::getline(in, entry, ',');) {
    size_t colon = entry.find(':');
    if (colon == std::string::npos) continue;
    std::string pid = entry.substr(0, colon), bytes = entry.substr(colon + 1);
    if (have < room && list) {
      list[have].pid = pid == "self"     ? unsigned(getpid())
                       : pid == "parent" ? unsigned(getppid())
                                         : unsigned(std::strtoul(pid.c_str(), nullptr, 10));
      char *end;
      double size = std::strtod(bytes.c_str(), &end) * (*end == 'G'   ? GiB
                                                        : *end == 'M' ? GiB / 1024
                                                                      : 1);
      list[have].usedGpuMemory = bytes == "?" ? ~0ull : (unsigned long long)size;
      list[have].gpuInstanceId = list[have].computeInstanceId = ~0u;
    }
    ++have;
  }
  *n = have;
  return have > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
  if (nvmlReturn_t r = check(device, rates, "utilization")) return r;
  if (migs(device->card) > 0) return NVML_ERROR_NOT_SUPPORTED;
  rates->gpu = unsigned(settings::number(device->card, "gpu", 90));
  rates->memory = unsigned(settings::number(device->card, "busy", 40));
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts) {
  if (nvmlReturn_t r = check(device, milliwatts, "power")) return r;
  if (device->instance >= 0) return NVML_ERROR_NOT_SUPPORTED;
  *milliwatts = unsigned(1e3 * watts(device->card));
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts) {
  if (nvmlReturn_t r = check(device, milliwatts, "limit")) return r;
  *milliwatts = unsigned(1e3 * settings::number(device->card, "limit", 700));
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor,
                                             unsigned *celsius) {
  if (nvmlReturn_t r = check(device, celsius, "temperature")) return r;
  if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
  *celsius = unsigned(settings::number(device->card, "temperature", 55));
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type,
                                           unsigned *mhz) {
  if (nvmlReturn_t r = check(device, mhz, "clocks")) return r;
  if (type != NVML_CLOCK_SM && type != NVML_CLOCK_MEM) return NVML_ERROR_INVALID_ARGUMENT;
  *mhz = unsigned(type == NVML_CLOCK_SM ? settings::number(device->card, "sm", 1980)
                                        : settings::number(device->card, "mem", 2619));
  return NVML_SUCCESS;
}

// reasons are the bits of a list such as "power-cap,heat".
static unsigned long long reasons(int card) {
  static const char *const words[] = {"idle", "application",   "power-cap", "hardware", "sync",
                                      "heat", "hardware-heat", "brake",     "display"};
  unsigned long long bits = 0;
  std::istringstream in(settings::text(card, "throttle", ""));
  for (std::string word; std::getline(in, word, ',');)
    for (int i = 0; i < 9; ++i)
      if (word == words[i]) bits |= 1ull << i;
  return bits;
}

// Drivers before R535 have the second name alone.
NEWER nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device,
                                                          unsigned long long *bits) {
  if (nvmlReturn_t r = check(device, bits, "throttle")) return r;
  *bits = reasons(device->card);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                              unsigned long long *bits) {
  if (nvmlReturn_t r = check(device, bits, "throttle")) return r;
  *bits = reasons(device->card);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, nvmlPcieUtilCounter_t counter,
                                                unsigned *kib) {
  if (nvmlReturn_t r = check(device, kib, "pcie")) return r;
  if (counter != NVML_PCIE_UTIL_TX_BYTES && counter != NVML_PCIE_UTIL_RX_BYTES)
    return NVML_ERROR_INVALID_ARGUMENT;
  const char *key = counter == NVML_PCIE_UTIL_TX_BYTES ? "sent" : "received";
  *kib = unsigned(settings::number(device->card, key, 0) / 1024);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int n, nvmlFieldValue_t *values) {
  if (n < 1) return NVML_ERROR_INVALID_ARGUMENT;
  if (nvmlReturn_t r = check(device, values, "fields")) return r;
  for (int i = 0; i < n; ++i) {
    nvmlFieldValue_t &v = values[i];
    const bool sent = v.fieldId == NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX;
    if ((!sent && v.fieldId != NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX) || v.scopeId != ~0u) {
      v.nvmlReturn = NVML_ERROR_INVALID_ARGUMENT;
      continue;
    }
    v.nvmlReturn = code(settings::failure(device->card, "fail.nvlink"));
    v.valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
    v.value.ullVal =
        (unsigned long long)(settings::number(device->card, sent ? "link-sent" : "link-received",
                                              0) /
                             1024);
  }
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned *percent) {
  if (nvmlReturn_t r = check(device, percent, "fan")) return r;
  *percent = unsigned(settings::number(device->card, "fan", 35));
  return NVML_SUCCESS;
}
