#include "status.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace dnn {
namespace {

thread_local std::string last;

std::string vformat(const char *f, va_list args) {
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(nullptr, 0, f, args);
  std::vector<char> text(size_t(n) + 1);
  vsnprintf(text.data(), text.size(), f, again);
  va_end(again);
  return text.data();
}

struct Name {
  int status;
  const char *text;
};
const Name names[] = {
    {abi::kSuccess, "SUCCESS"},
    {abi::kNotInitialized, "NOT_INITIALIZED"},
    {abi::kSublibraryVersionMismatch, "SUBLIBRARY_VERSION_MISMATCH"},
    {abi::kSerializationVersionMismatch, "SERIALIZATION_VERSION_MISMATCH"},
    {abi::kBadParam, "BAD_PARAM"},
    {abi::kNullPointer, "BAD_PARAM_NULL_POINTER"},
    {abi::kMisalignedPointer, "BAD_PARAM_MISALIGNED_POINTER"},
    {abi::kNotFinalized, "BAD_PARAM_NOT_FINALIZED"},
    {abi::kOutOfBound, "BAD_PARAM_OUT_OF_BOUND"},
    {abi::kSizeInsufficient, "BAD_PARAM_SIZE_INSUFFICIENT"},
    {abi::kStreamMismatch, "BAD_PARAM_STREAM_MISMATCH"},
    {abi::kShapeMismatch, "BAD_PARAM_SHAPE_MISMATCH"},
    {abi::kDuplicatedEntries, "BAD_PARAM_DUPLICATED_ENTRIES"},
    {abi::kAttributeType, "BAD_PARAM_ATTRIBUTE_TYPE"},
    {abi::kCudaGraphMismatch, "BAD_PARAM_CUDA_GRAPH_MISMATCH"},
    {abi::kDescriptorType, "BAD_PARAM_DESCRIPTOR_TYPE"},
    {abi::kNotSupported, "NOT_SUPPORTED"},
    {abi::kNotSupportedGraphPattern, "NOT_SUPPORTED_GRAPH_PATTERN"},
    {abi::kNotSupportedShape, "NOT_SUPPORTED_SHAPE"},
    {abi::kNotSupportedDataType, "NOT_SUPPORTED_DATA_TYPE"},
    {abi::kNotSupportedLayout, "NOT_SUPPORTED_LAYOUT"},
    {abi::kNotSupportedArchMismatch, "NOT_SUPPORTED_ARCH_MISMATCH"},
    {abi::kNotSupportedPadding, "NOT_SUPPORTED_PADDING"},
    {abi::kNotSupportedCudaGraphNative, "NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API"},
    {abi::kInternalError, "INTERNAL_ERROR"},
    {abi::kCompilationFailed, "INTERNAL_ERROR_COMPILATION_FAILED"},
    {abi::kUnexpectedValue, "INTERNAL_ERROR_UNEXPECTED_VALUE"},
    {abi::kHostAllocationFailed, "INTERNAL_ERROR_HOST_ALLOCATION_FAILED"},
    {abi::kExecutionFailed, "EXECUTION_FAILED"},
    {abi::kExecutionFailedDriver, "EXECUTION_FAILED_CUDA_DRIVER"},
};

}  // namespace

std::string format(const char *f, ...) {
  va_list args;
  va_start(args, f);
  std::string s = vformat(f, args);
  va_end(args);
  return s;
}

void refuse(int status, const char *f, ...) {
  va_list args;
  va_start(args, f);
  std::string s = vformat(f, args);
  va_end(args);
  throw Failure{status, s};
}

void die(const char *f, ...) {
  va_list args;
  va_start(args, f);
  std::string s = vformat(f, args);
  va_end(args);
  fprintf(stderr, "libcudnn (emulated): %s; the real library would crash here\n", s.c_str());
  abort();
}

void setLastError(const std::string &text) { last = text; }

}  // namespace dnn

SK_EXPORTS

// cudnnGetErrorString gives the status's name.
const char *cudnnGetErrorString(int status) {
  static const std::vector<std::string> full = [] {
    std::vector<std::string> v;
    for (auto &n : dnn::names) v.push_back(std::string("CUDNN_STATUS_") + n.text);
    return v;
  }();
  for (size_t i = 0; i < full.size(); i++)
    if (dnn::names[i].status == status) return full[i].c_str();
  return "CUDNN_UNKNOWN_STATUS";
}

// cudnnGetLastErrorString returns the thread's last message and forgets it.
void cudnnGetLastErrorString(char *message, size_t size) {
  if (!message || !size) return;
  strncpy(message, dnn::last.c_str(), size - 1);
  message[size - 1] = 0;
  dnn::last.clear();
}
SK_EXPORTS_END
