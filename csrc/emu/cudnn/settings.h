// What the stand-in libcudnn.so.9 does, as a test sets it: SHAKE_EMU_CUDNN holds settings key=value apart by semicolons, read at every call.
//
//   version=92801   what cudnnGetVersion says: 8907 plays cuDNN 8
//   create=N        what cudnnCreate answers: 0, or a cudnnStatus_t such as 1001 (not initialized), 3007 (architecture)
//   broken=N        the first N configurations of every heuristic answer fail to compile (4001), as some of the library's do
//   execute=N       what cudnnBackendExecute answers
#pragma once

namespace dnn {

// setting is the number of a key, or otherwise.
long setting(const char *key, long otherwise);

}  // namespace dnn
