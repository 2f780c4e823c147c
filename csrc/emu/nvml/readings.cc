// The readings of a card: energy, processes, load, power, temperature, clocks, links, fan.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>

#include "card.h"

using card::check, card::code, card::migs, card::GiB, card::maxCards;

namespace {

std::mutex meterMutex;

// The energy of a card is the integral of its power over the times of the readings.
struct {
  double joules = 0, at = 0;
} meter[maxCards];

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double watts(int card) { return settings::number(card, "power", 300); }

}  // namespace

NEWER nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device,
                                                       unsigned long long *millijoules) {
  if (nvmlReturn_t r = check(device, millijoules, "energy")) return r;
  double fixed = settings::number(device->card, "energy", -1);
  if (fixed >= 0) return *millijoules = (unsigned long long)(1e3 * fixed), NVML_SUCCESS;
  double t = now(), w = watts(device->card);
  std::lock_guard<std::mutex> lock(meterMutex);
  auto &m = meter[device->card];
  if (m.at > 0) m.joules += w * (t - m.at);
  m.at = t;
  *millijoules = (unsigned long long)(1e3 * m.joules);
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
