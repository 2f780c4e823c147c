/* A compiler that compiles nothing: the "cubin" is the source behind the word "compiled". A source with the word "mistake" is refused, an option with the word
   "sm_999" too; one with "virtual" has PTX and no cubin. Each compilation adds a byte to the file that SK_NULL_COMPILED names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvrtc.h"

#ifndef SK_NULL_MAJOR
#define SK_NULL_MAJOR 13
#endif

struct _nvrtcProgram {
  char *source, log[256];
};

const char *nvrtcGetErrorString(nvrtcResult r) {
  return r == NVRTC_ERROR_COMPILATION      ? "NVRTC_ERROR_COMPILATION"
         : r == NVRTC_ERROR_INVALID_OPTION ? "NVRTC_ERROR_INVALID_OPTION"
                                           : "NVRTC_NULL";
}
nvrtcResult nvrtcVersion(int *major, int *minor) {
  *major = SK_NULL_MAJOR, *minor = 1;
  return 0;
}
nvrtcResult nvrtcGetNumSupportedArchs(int *n) {
  *n = 2;
  return 0;
}
nvrtcResult nvrtcGetSupportedArchs(int *archs) {
  archs[0] = 75, archs[1] = 90;
  return 0;
}
nvrtcResult nvrtcCreateProgram(nvrtcProgram *p, const char *source, const char *name, int n,
                               const char *const *texts, const char *const *names) {
  (void)name, (void)n, (void)texts, (void)names;
  *p = calloc(1, sizeof **p);
  (*p)->source = strdup(source);
  return 0;
}
nvrtcResult nvrtcDestroyProgram(nvrtcProgram *p) {
  free((*p)->source), free(*p), *p = NULL;
  return 0;
}
nvrtcResult nvrtcCompileProgram(nvrtcProgram p, int n, const char *const *options) {
  const char *file = getenv("SK_NULL_COMPILED");
  FILE *f = file ? fopen(file, "a") : NULL;
  if (f) fputc('x', f), fclose(f);
  for (int i = 0; i < n; i++)
    if (strstr(options[i], "sm_999")) {
      strcpy(p->log, "nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
      return NVRTC_ERROR_INVALID_OPTION;
    }
  if (strstr(p->source, "mistake")) {
    strcpy(p->log, "k.cu(1): error: a mistake\n");
    return NVRTC_ERROR_COMPILATION;
  }
  strcpy(p->log, "k.cu(1): warning: compiled by nobody\n");
  return 0;
}
static const char *text(nvrtcProgram p) {
  static _Thread_local char b[65536];
  snprintf(b, sizeof b, "compiled %s", p->source);
  return b;
}
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram p, size_t *n) {
  *n = strstr(p->source, "virtual") ? 0 : strlen(text(p));
  return 0;
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram p, char *b) {
  memcpy(b, text(p), strlen(text(p)));
  return 0;
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram p, size_t *n) {
  (void)p, *n = 4;
  return 0;
}
nvrtcResult nvrtcGetPTX(nvrtcProgram p, char *b) {
  (void)p, memcpy(b, "PTX", 4);
  return 0;
}
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram p, size_t *n) {
  *n = strlen(p->log) + 1;
  return 0;
}
nvrtcResult nvrtcGetProgramLog(nvrtcProgram p, char *b) {
  strcpy(b, p->log);
  return 0;
}
