#include "json.h"

#include <cctype>

#include "status.h"

namespace dnn {
namespace {

struct Parser {
  const std::string &s;
  size_t at = 0;
  int depth = 0;

  [[noreturn]] void fail(const char *want) {
    refuse(abi::kBadParam, "no JSON at byte %zu: want %s", at, want);
  }
  bool take(char c) { return at < s.size() && s[at] == c ? at++, true : false; }

  std::string string() {
    if (!take('"')) fail("a string");
    size_t from = at;
    while (at < s.size() && s[at] != '"') at++;
    if (at == s.size()) fail("the end of a string");
    return s.substr(from, at++ - from);
  }
  Json value() {
    if (++depth > 64) fail("less depth");
    Json j;
    if (take('{')) {
      j.type = Json::kObject;
      for (bool more = !take('}'); more;
           more = take(',') || (take('}') ? false : (fail("} or ,"), false))) {
        std::string name = string();
        if (!take(':')) fail("a colon");
        j.members[name] = value();
      }
    } else if (take('[')) {
      j.type = Json::kList;
      for (bool more = !take(']'); more;
           more = take(',') || (take(']') ? false : (fail("] or ,"), false)))
        j.items.push_back(value());
    } else if (at < s.size() && s[at] == '"') {
      j.type = Json::kText;
      j.chars = string();
    } else {
      bool minus = take('-');
      if (at == s.size() || !isdigit((unsigned char)s[at])) fail("a value");
      while (at < s.size() && isdigit((unsigned char)s[at]) && j.value < int64_t(1) << 58)
        j.value = 10 * j.value + (s[at++] - '0');
      if (minus) j.value = -j.value;
    }
    depth--;
    return j;
  }
};

}  // namespace

const Json &Json::at(const char *name, Type want) const {
  auto i = members.find(name);
  if (i == members.end() || i->second.type != want)
    refuse(abi::kBadParam, "the plan's text has no proper \"%s\"", name);
  return i->second;
}

Json parseJson(const std::string &text) {
  Parser p{text};
  Json j = p.value();
  if (p.at != text.size() || j.type != Json::kObject) p.fail("one object");
  return j;
}

}  // namespace dnn
