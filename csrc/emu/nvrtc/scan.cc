#include "scan.h"

#include <algorithm>
#include <cctype>

namespace scan {
namespace {

struct Token {
  std::string text;
  size_t at, end;
  int line;
};

bool word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Words, literals and single characters; no comments, no directives.
std::vector<Token> tokens(const std::string &s) {
  std::vector<Token> out;
  int line = 1;
  bool fresh = true;  // only blanks since the line began
  for (size_t i = 0; i < s.size();) {
    const char c = s[i];
    if (c == '\n') {
      line++, i++, fresh = true;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      i++;
    } else if (c == '#' && fresh) {
      while (i < s.size() && s[i] != '\n') {
        if (s[i] == '\\' && i + 1 < s.size() && s[i + 1] == '\n') line++, i++;
        i++;
      }
    } else if (s.compare(i, 2, "//") == 0) {
      while (i < s.size() && s[i] != '\n') i++;
    } else if (s.compare(i, 2, "/*") == 0) {
      const size_t end = s.find("*/", i + 2), to = end == std::string::npos ? s.size() : end + 2;
      for (; i < to; i++) line += s[i] == '\n';
    } else if (c == '"' || c == '\'') {
      size_t j = i + 1;
      while (j < s.size() && s[j] != c && s[j] != '\n') j += s[j] == '\\' ? 2 : 1;
      j = std::min(j + 1, s.size());
      out.push_back({s.substr(i, j - i), i, j, line});
      i = j, fresh = false;
    } else {
      size_t j = i + 1;
      if (word(c))
        while (j < s.size() &&
               (word(s[j]) || (s[j] == '\'' && std::isdigit(static_cast<unsigned char>(c)))))
          j++;
      out.push_back({s.substr(i, j - i), i, j, line});
      i = j, fresh = false;
    }
  }
  return out;
}

// The position behind the bracket that closes the one at i.
size_t behind(const std::vector<Token> &t, size_t i) {
  int depth = 0;
  for (; i < t.size(); i++) {
    if (t[i].text == "(" || t[i].text == "[" || t[i].text == "{") depth++;
    if ((t[i].text == ")" || t[i].text == "]" || t[i].text == "}") && --depth == 0) return i + 1;
  }
  return i;
}

// The text of a bracket's first argument.
std::string first_argument(const std::string &s, const std::vector<Token> &t, size_t open) {
  int depth = 0;
  for (size_t i = open; i < t.size(); i++) {
    if (t[i].text == "(") depth++;
    if (t[i].text == ")") depth--;
    if (depth == 0 || (depth == 1 && t[i].text == ","))
      return s.substr(t[open].end, t[i].at - t[open].end);
  }
  return "0";
}

}  // namespace

Text read(const std::string &source, const std::string &name) {
  Text out;
  const auto t = tokens(source);
  struct Change {
    size_t at, end;
    std::string text;
  };
  std::vector<Change> changes;
  int depth = 0;
  std::vector<int> linkage;  // the depths of the open extern "C" { blocks
  size_t declaration = 0;    // the start of the declaration
  for (size_t i = 0; i < t.size(); i++) {
    const std::string &w = t[i].text;
    if (w == "{") {
      if (i >= 2 && t[i - 1].text == "\"C\"" && t[i - 2].text == "extern")
        linkage.push_back(depth), depth--;
      depth++, declaration = i + 1;
    } else if (w == "}") {
      if (!linkage.empty() && depth == linkage.back())
        linkage.pop_back();
      else
        depth--;
      declaration = i + 1;
    } else if (w == ";") {
      declaration = i + 1;
    } else if (w == "__global__") {
      bool c = !linkage.empty();
      for (size_t j = declaration; j < i; j++) c = c || t[j].text == "\"C\"";
      Kernel k{"", "0"};
      for (size_t j = declaration; j + 1 < t.size() && k.name.empty();) {
        if (t[j + 1].text == "(" && word(t[j].text[0])) {
          if (t[j].text == "__launch_bounds__") k.bounds = first_argument(source, t, j + 1);
          const bool qualifier = t[j].text.compare(0, 2, "__") == 0 || t[j].text == "alignas";
          if (!qualifier) k.name = t[j].text;
          j = behind(t, j + 1);
        } else {
          if (t[j].text == ";" || t[j].text == "{") break;
          j++;
        }
      }
      bool known = k.name.empty() || !c;
      for (auto &other : out.kernels)
        if (other.name == k.name) {
          known = true;
          if (other.bounds == "0") other.bounds = k.bounds;
        }
      if (!known) out.kernels.push_back(k);
    } else if (w == "__shared__") {
      // The array's name stands in front of the first square bracket of the declaration; the
      // semicolon ends it.
      const bool external = i > 0 && t[i - 1].text == "extern";
      size_t end = i, open = 0;
      bool assigned = false;
      while (end < t.size() && t[end].text != ";") {
        if (t[end].text == "[" && !open) open = end;
        assigned = assigned || (t[end].text == "=" && !open) || (t[end].text == "=" && open);
        end = t[end].text == "(" ? behind(t, end) : end + 1;
      }
      if (!external && assigned && out.error.empty())
        out.error = name + "(" + std::to_string(t[i].line) +
                    "): error: initializer not allowed for __shared__ variable";
      if (!external || !open || open + 1 >= t.size() || t[open + 1].text != "]") continue;
      size_t from = i + 1;
      while (from < open && (t[from].text == "__align__" || t[from].text == "alignas"))
        from = behind(t, from + 1);
      const std::string array = t[open - 1].text;
      std::string type = source.substr(t[from].at, t[open - 1].at - t[from].at);
      std::replace(type.begin(), type.end(), '\n', ' ');
      std::string lines;
      for (size_t k = t[i - 1].at; k < t[end].at; k++)
        if (source[k] == '\n') lines += '\n';
      changes.push_back(
          {t[i - 1].at, t[end].at,
           depth > 0 ? type + "*const " + array + " = (" + type + "*)sk_dynamic()" + lines
                     : "static const sk_dynamic_array<" + type + "> " + array + " = {}" + lines});
    }
  }
  size_t at = 0;
  for (auto &c : changes) {
    out.text += source.substr(at, c.at - at) + c.text;
    at = c.end;
  }
  out.text += source.substr(at);
  return out;
}

}  // namespace scan
