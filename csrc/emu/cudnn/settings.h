// The behaviour of the stand-in libcudnn.so.9, as a test sets it. SHAKE_EMU_CUDNN holds settings
// key=value, separated by semicolons, and is read at every call.
//
//   version=92801   the result of cudnnGetVersion; 8907 plays cuDNN 8
//   create=N        the result of cudnnCreate: 0, or a cudnnStatus_t such as 1001 (not initialized)
//                   or 3007 (architecture)
//   broken=N        the first N configurations of every heuristic answer fail to compile (4001), as
//                   some of the library's do
//   execute=N       the result of cudnnBackendExecute
//   prepare=MS      a plan that is made from an engine's configuration takes so many milliseconds
//   room=BYTES      forward convolutions work in so many bytes more for each image
//   remember=N      plans and threads are remembered as long as N, not 0, stays the same, for the
//                   counters plan_again and plan_thread of emu.Count
#pragma once

namespace dnn {

// setting is the number of a key, or otherwise.
long setting(const char *key, long otherwise);

}  // namespace dnn
