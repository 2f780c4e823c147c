// cudnnBackendExecute: every fault of a call is found before the work is queued.
#pragma once
#include "handle.h"
#include "model.h"

namespace dnn {

void execute(Handle &handle, std::shared_ptr<const Plan> plan, const Pack &pack);

}  // namespace dnn
