// The part of NVML (libnvidia-ml.so.1) that is called here, declared by hand. With SK_NVML_HEADER
// defined as the name of the real nvml.h, the types come from that header, and the compiler
// compares every function below with its declaration there. A test does that.
#ifndef SK_NVML_H
#define SK_NVML_H

#ifdef SK_NVML_HEADER
#include SK_NVML_HEADER
#else

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  NVML_SUCCESS = 0,
  NVML_ERROR_UNINITIALIZED = 1,
  NVML_ERROR_INVALID_ARGUMENT = 2,
  NVML_ERROR_NOT_SUPPORTED = 3,
  NVML_ERROR_NO_PERMISSION = 4,
  NVML_ERROR_NOT_FOUND = 6,
  NVML_ERROR_INSUFFICIENT_SIZE = 7,
  NVML_ERROR_DRIVER_NOT_LOADED = 9,
  NVML_ERROR_TIMEOUT = 10,
  NVML_ERROR_FUNCTION_NOT_FOUND = 13,
  NVML_ERROR_GPU_IS_LOST = 15,
  NVML_ERROR_RESET_REQUIRED = 16,
  NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
  NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
  NVML_ERROR_UNKNOWN = 999
} nvmlReturn_t;

typedef enum {
  NVML_CLOCK_GRAPHICS = 0,
  NVML_CLOCK_SM = 1,
  NVML_CLOCK_MEM = 2,
  NVML_CLOCK_VIDEO = 3,
  NVML_CLOCK_COUNT
} nvmlClockType_t;
typedef enum { NVML_TEMPERATURE_GPU = 0, NVML_TEMPERATURE_COUNT } nvmlTemperatureSensors_t;

typedef enum {
  NVML_PCIE_UTIL_TX_BYTES = 0,  // sent by the card
  NVML_PCIE_UTIL_RX_BYTES = 1,
  NVML_PCIE_UTIL_COUNT
} nvmlPcieUtilCounter_t;

typedef enum {
  NVML_VALUE_TYPE_DOUBLE = 0,
  NVML_VALUE_TYPE_UNSIGNED_INT = 1,
  NVML_VALUE_TYPE_UNSIGNED_LONG = 2,
  NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3,
  NVML_VALUE_TYPE_SIGNED_LONG_LONG = 4,
  NVML_VALUE_TYPE_COUNT
} nvmlValueType_t;

// KiB since a reset; scopeId is a link, or all ones for the sum of all.
#define NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX 138
#define NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX 139

typedef struct nvmlDevice_st *nvmlDevice_t;

typedef union {
  double dVal;
  unsigned uiVal;
  unsigned long ulVal;
  unsigned long long ullVal;
  signed long long sllVal;
} nvmlValue_t;

typedef struct {
  unsigned fieldId, scopeId;
  long long timestamp, latencyUsec;
  nvmlValueType_t valueType;
  nvmlReturn_t nvmlReturn;  // of this value
  nvmlValue_t value;
} nvmlFieldValue_t;

typedef struct {
  unsigned long long total, free, used;  // bytes; used includes the driver's reserve
} nvmlMemory_t;

typedef struct {
  unsigned version;
  unsigned long long total, reserved, free, used;  // bytes; used excludes reserved
} nvmlMemory_v2_t;

typedef struct {
  // Per cent of the last sample period in which a kernel ran (gpu), and in which memory was read or
  // written (memory).
  unsigned gpu, memory;
} nvmlUtilization_t;

typedef struct {
  char busIdLegacy[16];
  unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
} nvmlPciInfo_t;

typedef struct {
  unsigned pid;
  unsigned long long usedGpuMemory;  // bytes; all ones: not known
  unsigned gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_t;

#ifdef __cplusplus
}
#endif
#endif  // SK_NVML_HEADER

// SK_NVML_FUNCTIONS calls X(name, parameters, arguments) for every function that is used. All
// return nvmlReturn_t, except nvmlErrorString.
#define SK_NVML_FUNCTIONS(X)                                                                       \
  X(nvmlInit_v2, (void), ())                                                                       \
  X(nvmlShutdown, (void), ())                                                                      \
  X(nvmlSystemGetDriverVersion, (char *version, unsigned length), (version, length))               \
  X(nvmlSystemGetNVMLVersion, (char *version, unsigned length), (version, length))                 \
  X(nvmlSystemGetCudaDriverVersion_v2, (int *version), (version))                                  \
  X(nvmlSystemGetProcessName, (unsigned pid, char *name, unsigned length), (pid, name, length))    \
  X(nvmlDeviceGetCount_v2, (unsigned *count), (count))                                             \
  X(nvmlDeviceGetHandleByIndex_v2, (unsigned index, nvmlDevice_t *device), (index, device))        \
  X(nvmlDeviceGetName, (nvmlDevice_t device, char *name, unsigned length), (device, name, length)) \
  X(nvmlDeviceGetUUID, (nvmlDevice_t device, char *uuid, unsigned length), (device, uuid, length)) \
  X(nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t * pci), (device, pci))            \
  X(nvmlDeviceGetCudaComputeCapability, (nvmlDevice_t device, int *major, int *minor),             \
    (device, major, minor))                                                                        \
  X(nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t * memory), (device, memory))       \
  X(nvmlDeviceGetMemoryInfo_v2, (nvmlDevice_t device, nvmlMemory_v2_t * memory), (device, memory)) \
  X(nvmlDeviceGetUtilizationRates, (nvmlDevice_t device, nvmlUtilization_t * rates),               \
    (device, rates))                                                                               \
  X(nvmlDeviceGetPowerUsage, (nvmlDevice_t device, unsigned *milliwatts), (device, milliwatts))    \
  X(nvmlDeviceGetEnforcedPowerLimit, (nvmlDevice_t device, unsigned *milliwatts),                  \
    (device, milliwatts))                                                                          \
  X(nvmlDeviceGetTotalEnergyConsumption, (nvmlDevice_t device, unsigned long long *millijoules),   \
    (device, millijoules))                                                                         \
  X(nvmlDeviceGetTemperature,                                                                      \
    (nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned *celsius),                     \
    (device, sensor, celsius))                                                                     \
  X(nvmlDeviceGetClockInfo, (nvmlDevice_t device, nvmlClockType_t type, unsigned *mhz),            \
    (device, type, mhz))                                                                           \
  X(nvmlDeviceGetCurrentClocksEventReasons, (nvmlDevice_t device, unsigned long long *reasons),    \
    (device, reasons))                                                                             \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, (nvmlDevice_t device, unsigned long long *reasons), \
    (device, reasons))                                                                             \
  X(nvmlDeviceGetPcieThroughput,                                                                   \
    (nvmlDevice_t device, nvmlPcieUtilCounter_t counter, unsigned *kibibytes),                     \
    (device, counter, kibibytes))                                                                  \
  X(nvmlDeviceGetFieldValues, (nvmlDevice_t device, int count, nvmlFieldValue_t *values),          \
    (device, count, values))                                                                       \
  X(nvmlDeviceGetFanSpeed, (nvmlDevice_t device, unsigned *percent), (device, percent))            \
  X(nvmlDeviceGetComputeRunningProcesses_v3,                                                       \
    (nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *list), (device, count, list))        \
  X(nvmlDeviceGetMigMode, (nvmlDevice_t device, unsigned *current, unsigned *pending),             \
    (device, current, pending))                                                                    \
  X(nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, unsigned *count), (device, count))       \
  X(nvmlDeviceGetMigDeviceHandleByIndex,                                                           \
    (nvmlDevice_t device, unsigned index, nvmlDevice_t *instance), (device, index, instance))

#endif
