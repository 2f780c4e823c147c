#include "settings.h"

#include <cstdlib>
#include <sstream>
#include <string>

namespace dnn {

long setting(const char *key, long otherwise) {
  const char *all = getenv("SHAKE_EMU_CUDNN");
  std::istringstream in(all ? all : "");
  long value = otherwise;
  for (std::string pair; std::getline(in, pair, ';');) {
    auto eq = pair.find('=');
    auto from = pair.find_first_not_of(' ');
    if (eq != std::string::npos && from < eq && pair.substr(from, eq - from) == key)
      value = strtol(pair.c_str() + eq + 1, nullptr, 0);
  }
  return value;
}

}  // namespace dnn
