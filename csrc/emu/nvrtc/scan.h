// Reading the parts of CUDA C++ that the host's compiler does not understand: entry points and
// arrays of dynamic shared memory.
#pragma once
#include <string>
#include <vector>

namespace scan {

struct Kernel {
  std::string name, bounds;  // bounds: the first argument of __launch_bounds__, or "0"
};

struct Text {
  std::string text;  // every line stays at its number
  std::vector<Kernel> kernels;
  std::string error;  // line and reason in a compiler's form; empty: none
};

Text read(const std::string &source, const std::string &name);

}  // namespace scan
