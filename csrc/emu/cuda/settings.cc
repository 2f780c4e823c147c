#include "settings.h"

#include <cstdlib>
#include <mutex>
#include <sstream>

namespace settings {
namespace {

std::mutex mutex;
std::string given;
bool replaced = false;

std::string trim(const std::string &s) {
  size_t from = s.find_first_not_of(" \t\r"), to = s.find_last_not_of(" \t\r");
  return from == std::string::npos ? "" : s.substr(from, to - from + 1);
}

}  // namespace

void replace(const char *all) {
  std::lock_guard<std::mutex> lock(mutex);
  replaced = all != nullptr;
  given = all ? all : "";
}

std::string text(int card, const std::string &key, const std::string &otherwise) {
  std::lock_guard<std::mutex> lock(mutex);
  const char *env = std::getenv("SHAKE_EMU_CUDA");
  std::string all = replaced ? given : env ? env : "", general = otherwise, own;
  const std::string numbered = std::to_string(card) + "." + key;
  bool found = false;
  for (char &c : all)
    if (c == ';') c = '\n';
  std::istringstream in(all);
  for (std::string line; std::getline(in, line);) {
    size_t eq = line.find('=');
    if (eq == std::string::npos) continue;
    std::string name = trim(line.substr(0, eq)), value = trim(line.substr(eq + 1));
    if (name == key) general = value;
    if (card >= 0 && name == numbered) own = value, found = true;
  }
  return found ? own : general;
}

double number(int card, const std::string &key, double otherwise) {
  std::string s = text(card, key, "");
  char *end;
  double x = std::strtod(s.c_str(), &end);
  if (end == s.c_str()) return otherwise;
  return x * (*end == 'K' ? 1024.0 : *end == 'M' ? 1048576.0 : *end == 'G' ? 1073741824.0 : 1);
}

}  // namespace settings
