#ifndef SK_NVML_FORWARD_H
#define SK_NVML_FORWARD_H
// sk_nvml_open binds the forwarders to the library at path. It returns 0, or -1 with the reason in
// why. The library stays open until the process ends.
int sk_nvml_open(const char *path, char *why, int size);
#endif
