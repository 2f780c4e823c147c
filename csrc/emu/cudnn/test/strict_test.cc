// Refusals and their statuses. Every case is a mistake. The status is the real library's (9.28),
// unless the library accepts the mistake, crashes, or gives another status; the case then notes
// that, and other answers of 9.19 and 9.10. "strict_test LIBRARY real" compares the notes with the
// real library, with a stub driver loaded before it.
#include <sys/wait.h>
#include <unistd.h>

#include "strict_descriptors.h"
#include "strict_graphs.h"
#include "strict_plans.h"

namespace {

// statusOf runs a case in a process of its own.
int statusOf(const Case &c, std::string *why) {
  int pipes[2];
  if (pipe(pipes)) return kUnexpectedValue;
  fflush(nullptr);
  pid_t p = fork();
  if (!p) {
    if (!freopen("/dev/null", "w", stderr)) _exit(9);
    int s = c.run();
    std::string text = api.last();
    if (write(pipes[1], &s, sizeof s) < 0 || write(pipes[1], text.data(), text.size()) < 0)
      _exit(9);
    _exit(0);
  }
  close(pipes[1]);
  int status = 0, s = kDies;
  char text[2048];
  if (read(pipes[0], &s, sizeof s) != sizeof s) s = kDies;
  ssize_t n = read(pipes[0], text, sizeof text);
  why->assign(text, n > 0 ? size_t(n) : 0);
  close(pipes[0]);
  waitpid(p, &status, 0);
  return WIFSIGNALED(status) ? kDies : s;
}

}  // namespace

int main(int argc, char **argv) {
  bool real = argc > 2 && !strcmp(argv[2], "real");
  if (argc > 3 && !dlopen(argv[3], RTLD_NOW | RTLD_GLOBAL))
    return fprintf(stderr, "%s\n", dlerror()), 2;
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  size_t n = 0;
  std::vector<Case> all = descriptorCases();
  for (auto some : {graphCases, planCases})
    for (auto &c : some()) all.push_back(c);
  for (auto &c : all) {
    std::string why;
    int want = c.want;
    if (real && c.real != kSame) want = c.real;
    if (real && api.version() < 92800 && c.before928 != kSame) want = c.before928;
    if (real && api.version() < 91900 && c.before919 != kSame) want = c.before919;
    int have = statusOf(c, &why);
    EXPECT(have == want, "%s: want %d, have %d %s (%s)", c.name, want, have,
           have > 0 ? api.errorString(have) : "", why.c_str());
    if (!real && have > 0) EXPECT(!why.empty(), "%s: refused without a word", c.name);
    n++;
  }
  printf("%zu cases\n", n);
  return failures != 0;
}
