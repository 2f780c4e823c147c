// The part of JSON that a plan's text needs: whole numbers, strings without escapes, lists,
// objects.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dnn {

struct Json {
  enum Type { kNumber, kText, kList, kObject } type = kNumber;
  int64_t value = 0;
  std::string chars;
  std::vector<Json> items;
  std::map<std::string, Json> members;

  // The members of an object; a missing one, or one of another type, is refused.
  int64_t number(const char *name) const { return at(name, kNumber).value; }
  const std::string &text(const char *name) const { return at(name, kText).chars; }
  const std::vector<Json> &list(const char *name) const { return at(name, kList).items; }

 private:
  const Json &at(const char *name, Type want) const;
};

Json parseJson(const std::string &text);

}  // namespace dnn
