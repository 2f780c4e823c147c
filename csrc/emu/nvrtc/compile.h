// Compiling a text with the host's compiler.
#pragma once
#include <string>
#include <vector>

namespace compile {

struct Options {
  int arch = 75;
  bool portable = false;           // for compute_NN: stands for PTX
  std::string macros;              // as directives
  std::vector<std::string> flags;  // for the host's compiler
  std::string error;               // an unknown option
};
Options options(int n, const char *const *given);

struct Result {
  bool ok = false;
  std::string image, log;
};
Result run(const std::string &source, const std::string &name, const Options &o);

}  // namespace compile
