// Reading a text of CUDA C++ as far as the host's compiler does not: entry points and arrays of dynamic shared memory.
#pragma once
#include <string>
#include <vector>

namespace scan {

struct Kernel {
  std::string name, bounds;  // bounds: the first argument of __launch_bounds__, or "0"
};

struct Text {
  std::string text;  // with every line where it was
  std::vector<Kernel> kernels;
  std::string error;  // line and reason, as a compiler says it; empty: none
};

Text read(const std::string &source, const std::string &name);

}  // namespace scan
