// A libcudnn.so.9 that says yes to everything and does nothing: what a call through the binding costs beside the library's own work.
#include "../../csrc/load/cudnn.h"

#include <string.h>

size_t cudnnGetVersion(void) { return 92801; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char *cudnnGetErrorString(cudnnStatus_t s) { return (void)s, ""; }
void cudnnGetLastErrorString(char *message, size_t n) {
  if (n) message[0] = 0;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *d) {
  static char one;
  return (void)type, *d = &one, CUDNN_STATUS_SUCCESS;
}

// One engine, of number 0 and without notes; no workspace.
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const d,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t requested,
                                       int64_t *count, void *values) {
  (void)d;
  *count =
      name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE || name == CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE ? 0 : 1;
  if (values && requested && type == CUDNN_TYPE_INT64) memset(values, 0, 8);
  return CUDNN_STATUS_SUCCESS;
}

#define NOTHING(name)                                       \
  cudnnStatus_t name(void *a, void *b, void *c) {           \
    return (void)a, (void)b, (void)c, CUDNN_STATUS_SUCCESS; \
  }
NOTHING(cudnnCreate)
NOTHING(cudnnDestroy)
NOTHING(cudnnSetStream)
NOTHING(cudnnBackendDestroyDescriptor)
NOTHING(cudnnBackendFinalize)
NOTHING(cudnnBackendSetAttribute)
NOTHING(cudnnBackendExecute)
NOTHING(cudnnCreateTensorDescriptor)
NOTHING(cudnnDestroyTensorDescriptor)
NOTHING(cudnnSetTensorNdDescriptor)
NOTHING(cudnnSoftmaxForward)
NOTHING(cudnnSoftmaxBackward)
