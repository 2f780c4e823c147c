// A described card: the keys of a device's JSON that cuDNN reads, with an H100's numbers.
#pragma once

inline const char *kH100 =
    "{\"maxGridSize\": [2147483647, 65535, 65535], \"maxBlockSize\": [1024, 1024, 64], "
    "\"regsPerBlock\": 65536, \"multiProcessorCount\": 132, "
    "\"smCountOrigin\": 0, \"warpSize\": 32, \"maxSharedMemoryPerBlock\": 49152, "
    "\"maxSharedMemoryPerBlockOptin\": 232448, "
    "\"reservedSharedMemoryPerBlock\": 1024, \"oversizedSharedMemoryPerBlock\": 0, "
    "\"maxRegistersPerSM\": 65536, \"maxCtasPerSM\": 32, "
    "\"maxThreadsPerBlock\": 1024, \"maxThreadsPerSM\": 2048, \"pciDeviceId\": 0, \"isTccDriver\": "
    "0, \"supportCoopLaunch\": 1, "
    "\"totalGlobalMem\": 84986691584, \"smClockRateKHz\": 1980000, \"memClockRateKHz\": 2619000, "
    "\"memoryBusWidth\": 5120, "
    "\"l2CacheSize\": 52428800, \"cudaDeviceId\": 0, \"deviceVer\": 900, \"driverVer\": 13000, "
    "\"deviceName\": \"NVIDIA H100 80GB HBM3\"}";
