// Execution plans, and their form as text.
#pragma once
#include "model.h"

namespace dnn {

// planText is the plan as JSON: version, architecture, engine, and the graph's descriptors
// attribute by attribute, with a check sum.
std::string planText(const Plan &p);

}  // namespace dnn
