#include "settings.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace settings {
namespace {

std::string all() {
  const char *value = std::getenv("SHAKE_EMU_NVML");
  if (!value) return "";
  if (*value != '@') return value;
  std::ifstream file(value + 1);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string trim(const std::string &s) {
  size_t from = s.find_first_not_of(" \t\r"), to = s.find_last_not_of(" \t\r");
  return from == std::string::npos ? "" : s.substr(from, to - from + 1);
}

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// parse reads 300, 80G, 60~30/20.
double parse(const std::string &s, double otherwise) {
  char *end;
  double x = std::strtod(s.c_str(), &end);
  if (end == s.c_str()) return otherwise;
  auto unit = [&end] {
    double scale = *end == 'K' ? 1024.0 : *end == 'M' ? 1048576.0 : *end == 'G' ? 1073741824.0 : 1;
    if (scale != 1) ++end;
    return scale;
  };
  x *= unit();
  if (*end != '~') return x;
  double amplitude = std::strtod(end + 1, &end);
  amplitude *= unit();
  double period = *end == '/' ? std::strtod(end + 1, &end) : 10;
  return x + amplitude * std::sin(2 * M_PI * seconds() / period);
}

}  // namespace

std::string text(int card, const std::string &key, const std::string &otherwise) {
  std::string lines = all(), general = otherwise, own;
  bool found = false;
  for (char &c : lines)
    if (c == ';') c = '\n';
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    size_t eq = line.find('=');
    if (eq == std::string::npos) continue;
    std::string name = trim(line.substr(0, eq)), value = trim(line.substr(eq + 1));
    if (name == key) general = value;
    if (name == std::to_string(card) + "." + key) own = value, found = true;
  }
  return found ? own : general;
}

double number(int card, const std::string &key, double otherwise) {
  return parse(text(card, key, ""), otherwise);
}

int failure(int card, const std::string &key) {
  static const std::pair<const char *, int> words[] = {
      {"ok", 0},      {"not-supported", 3}, {"no-permission", 4}, {"no-driver", 9}, {"timeout", 10},
      {"absent", 13}, {"lost", 15},         {"mismatch", 18},     {"unknown", 999},
  };
  std::string word = text(card, key, "ok");
  for (auto &w : words)
    if (word == w.first) return w.second;
  return int(parse(word, 0));
}

}  // namespace settings
