#include "compile.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>

#include "../cuda/image.h"
#include "../cuda/settings.h"
#include "scan.h"

extern char **environ;

namespace compile {
namespace {

std::string read(const std::string &path) {
  std::ifstream f(path, std::ios::binary);
  std::stringstream s;
  s << f.rdbuf();
  return s.str();
}

bool write(const std::string &path, const std::string &text) {
  std::ofstream f(path, std::ios::binary);
  f.write(text.data(), std::streamsize(text.size()));
  f.close();
  return bool(f);
}

// The folder of this library; prelude/ and libcuda.so.1 are beside it.
std::string home() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&home), &info)) return ".";
  char whole[PATH_MAX];
  const std::string path = realpath(info.dli_fname, whole) ? whole : info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// The compiler, and the arguments of every call of it.
std::vector<std::string> compiler() {
  for (const char *name : {"SHAKE_EMU_CXX", "CXX"}) {
    const char *value = std::getenv(name);
    std::istringstream in(value ? value : "");
    std::vector<std::string> words;
    for (std::string w; in >> w;) words.push_back(w);
    if (!words.empty()) return words;
  }
  return {"c++"};
}

// Runs a command in a folder, with its stderr going to a file there. Returns its exit status, or
// -1.
int command(const std::vector<std::string> &args, const std::string &log) {
  std::vector<char *> argv;
  for (auto &a : args) argv.push_back(const_cast<char *>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  std::vector<char *> env;
  for (char **e = environ; *e; e++)
    if (strncmp(*e, "LC_", 3) && strncmp(*e, "LANG", 4)) env.push_back(*e);
  env.push_back(const_cast<char *>("LC_ALL=C"));
  env.push_back(nullptr);
  pid_t pid;
  const int e = posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), env.data());
  posix_spawn_file_actions_destroy(&files);
  if (e) return -1;
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Takes ":12" off the end of s, and returns "12"; or takes nothing and returns "".
std::string number(std::string &s) {
  const size_t colon = s.rfind(':');
  if (colon == std::string::npos || colon + 1 == s.size() ||
      s.find_first_not_of("0123456789", colon + 1) != std::string::npos)
    return "";
  const std::string digits = s.substr(colon + 1);
  s.resize(colon);
  return digits;
}

// The compiler's messages in NVRTC's form: name(line): error: text. The compiler's own is
// name:line:column: error: text, without a column for some.
std::string messages(const std::string &raw, const std::string &name) {
  std::istringstream in(raw);
  std::string out, rest;
  int errors = 0;
  for (std::string s; std::getline(in, s);) {
    const size_t end = std::min(s.find(": "), s.size());
    std::string place = s.substr(0, end), said = s.substr(std::min(end + 2, s.size()));
    if (said.compare(0, 6, "fatal ") == 0) said.erase(0, 6);
    const bool error = said.compare(0, 7, "error: ") == 0;
    const std::string last = number(place), first = number(place);
    if (last.empty() || (!error && said.compare(0, 9, "warning: ") != 0)) {
      rest += s + "\n";
      continue;
    }
    errors += error;
    out += place + "(" + (first.empty() ? last : first) + "): " + said + "\n";
  }
  if (!errors) return out + rest;
  return out + "\n" + std::to_string(errors) + (errors == 1 ? " error" : " errors") +
         " detected in the compilation of \"" + name + "\".\n";
}

bool checked() {
  const char *usual = std::getenv("SHAKE_EMU_CHECK");
  return settings::number(-1, "check", usual && !strcmp(usual, "0") ? 0 : 1) != 0;
}

std::string version_of(std::vector<std::string> cxx) {
  static std::mutex mutex;
  static std::vector<std::string> known;
  static std::string answer;
  std::lock_guard<std::mutex> lock(mutex);
  if (known == cxx) return answer;
  char path[] = "/tmp/sk-emu-XXXXXX";
  const int fd = mkstemp(path);
  if (fd < 0) return "";
  close(fd);
  known = cxx;
  cxx.push_back("--version");
  command(cxx, path);
  answer = read(path);
  unlink(path);
  return answer;
}

std::vector<std::string> flags(bool clang, bool check) {
  std::vector<std::string> f = {"-x",
                                "c++",
                                "-std=c++17",
                                "-O1",
                                "-fPIC",
                                "-w",
                                "-fno-exceptions",
                                "-fno-rtti",
                                "-fno-strict-aliasing",
                                "-ffp-contract=off",
                                "-fno-math-errno",
                                "-fno-asynchronous-unwind-tables",
                                "-nostdinc",
                                "-nostdinc++"};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2"))
    f.insert(f.end(), {"-mavx2", "-mfma"});
#endif
  if (clang)
    f.insert(f.end(), {"-fno-semantic-interposition", "-ferror-limit=50"});
  else
    f.insert(f.end(), {"-fno-gnu-unique", "-fno-semantic-interposition", "-fmax-errors=50",
                       "-fno-diagnostics-show-caret", "-fdiagnostics-color=never"});
  if (!check) return f;
  f.insert(f.end(), {"-DSK_EMU_CHECK", "-fsanitize=thread", "-fsanitize=alignment",
                     "-fsanitize-recover=alignment"});
  if (clang)
    f.insert(f.end(), {"-mllvm", "-tsan-instrument-func-entry-exit=0", "-mllvm",
                       "-tsan-instrument-atomics=0"});
  else
    f.insert(f.end(), {"--param", "tsan-instrument-func-entry-exit=0"});
  return f;
}

std::string wrap(const std::string &object, const Options &o) {
  image::Header h = {};
  memcpy(h.magic, image::kMagic, sizeof h.magic);
  h.abi = SK_EMU_ABI, h.arch = uint32_t(o.arch), h.machine = image::kMachine;
  for (const char *waits : {"sk_emu_barrier", "sk_emu_warp", "sk_emu_yield", "sk_emu_mma",
                            "sk_emu_ldmatrix", "sk_emu_cp_async"})
    if (object.find(std::string(1, '\0') + waits + std::string(1, '\0')) != std::string::npos)
      h.flags |= image::kWaits;
  if (o.portable) h.flags |= image::kPortable;
  h.bytes = object.size(), h.sum = image::sum(object.data(), object.size());
  return std::string(reinterpret_cast<char *>(&h), sizeof h) + object;
}

// A file of the cache: the object, and behind it the sum of its bytes.
std::string sealed(const std::string &object) {
  const uint64_t sum = image::sum(object.data(), object.size());
  return object + std::string(reinterpret_cast<const char *>(&sum), sizeof sum);
}

// The object in a file of the cache; empty if the file is cut or changed.
std::string unsealed(const std::string &file) {
  if (file.size() <= sizeof(uint64_t)) return "";
  const std::string object = file.substr(0, file.size() - sizeof(uint64_t));
  return sealed(object) == file ? object : "";
}

// Removes a temporary folder and its files.
void clear(const std::string &dir, const std::vector<std::string> &files) {
  for (auto &f : files) unlink((dir + "/" + f).c_str());
  rmdir(dir.c_str());
}

}  // namespace

Options options(int n, const char *const *given) {
  Options o;
  auto arch = [&](const std::string &v) {
    const size_t under = v.find('_');
    o.portable = v.compare(0, 8, "compute_") == 0;
    o.arch = under == std::string::npos ? 0 : std::atoi(v.c_str() + under + 1);
    if (o.arch < 75 || o.arch > 121)
      o.error = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
  };
  auto define = [&](std::string s) {
    const size_t eq = s.find('=');
    o.macros += "#define " +
                (eq == std::string::npos ? s + " 1" : s.substr(0, eq) + " " + s.substr(eq + 1)) +
                "\n";
  };
  for (int i = 0; i < n && o.error.empty(); i++) {
    const std::string s = given[i];
    const size_t eq = s.find('=');
    std::string key = s.substr(0, eq), value = eq == std::string::npos ? "" : s.substr(eq + 1);
    auto next = [&] { return i + 1 < n ? std::string(given[++i]) : std::string(); };
    if (key == "--gpu-architecture" || key == "-arch") {
      arch(eq == std::string::npos ? next() : value);
    } else if (s.compare(0, 2, "-D") == 0) {
      define(s.size() > 2 ? s.substr(2) : next());
    } else if (key == "--define-macro") {
      define(value);
    } else if (s.compare(0, 2, "-U") == 0) {
      o.macros += "#undef " + (s.size() > 2 ? s.substr(2) : next()) + "\n";
    } else if (s.compare(0, 2, "-I") == 0) {
      o.flags.push_back(s.size() > 2 ? s : s + next());
    } else if (key == "--include-path") {
      o.flags.push_back("-I" + value);
    } else if (key == "--std" || key == "-std") {
      if (value != "c++14" && value != "c++17" && value != "c++20")
        o.error = "nvrtc: error: invalid value for --std (-std)\n";
      if (value == "c++20") o.flags.push_back("-std=c++20");
    } else {
      static const char *const known[] = {"--fmad",
                                          "-fmad",
                                          "--use_fast_math",
                                          "-use_fast_math",
                                          "--ftz",
                                          "-ftz",
                                          "--prec-div",
                                          "--prec-sqrt",
                                          "-prec-div",
                                          "-prec-sqrt",
                                          "-lineinfo",
                                          "--generate-line-info",
                                          "-G",
                                          "--device-debug",
                                          "--maxrregcount",
                                          "-maxrregcount",
                                          "-default-device",
                                          "--device-as-default-execution-space",
                                          "--extra-device-vectorization",
                                          "--restrict",
                                          "-restrict",
                                          "-w",
                                          "--disable-warnings",
                                          "--split-compile",
                                          "-split-compile",
                                          "--dopt",
                                          "-dopt",
                                          "--minimal",
                                          "-minimal",
                                          "--no-display-error-number",
                                          "-no-display-error-number",
                                          "--diag-suppress",
                                          "-diag-suppress",
                                          "--relocatable-device-code",
                                          "-rdc",
                                          "--ptxas-options",
                                          "-Xptxas"};
      if (std::find(std::begin(known), std::end(known), key) == std::end(known))
        o.error = "nvrtc: error: unrecognized option " + s + " found\n";
      if (key == "-Xptxas" && eq == std::string::npos) next();
    }
  }
  return o;
}

Result run(const std::string &source, const std::string &name, const Options &o) {
  Result r;
  const std::string here = home();
  const auto cxx = compiler();
  const std::string version = version_of(cxx);
  const bool check = checked(), clang = version.find("clang") != std::string::npos;
  auto args = flags(clang, check);
  args.insert(args.end(), o.flags.begin(), o.flags.end());

  // The key of the cache of compiled kernels has every input of the compilation.
  std::string key = source + '\0' + name + '\0' + o.macros + '\0' + version;
  for (auto &a : cxx) key += '\0' + a;
  for (auto &a : args) key += '\0' + a;
  for (const char *f : {"block.h", "hooks.h", "types.h", "thread.h", "atomic.h", "math.h",
                        "tensor.h", "prelude.h", "entry.h"})
    key += read(here + "/prelude/" + f);
  char number[40];
  snprintf(number, sizeof number, "%016llx%016llx",
           (unsigned long long)image::sum(key.data(), key.size()),
           (unsigned long long)std::hash<std::string>()(key));
  const std::string folder = here + "/kernels", kept = folder + "/" + number;
  if (const std::string object = unsealed(read(kept)); !object.empty())
    return utimensat(AT_FDCWD, kept.c_str(), nullptr, 0), r.ok = true, r.image = wrap(object, o), r;

  scan::Text text = scan::read(source, name);
  if (!text.error.empty())
    return r.log = text.error + "\n\n1 error detected in the compilation of \"" + name + "\".\n", r;
  std::string all = "#include \"" + here + "/prelude/prelude.h\"\n" + o.macros + "#line 1 \"" +
                    name + "\"\n" + text.text +
                    "\n#line 1 \"entry points\"\nstatic const sk_emu_kernel sk_table[] = {";
  for (auto &k : text.kernels) all += " SK_ENTRY(" + k.name + ", (" + k.bounds + "))";
  all +=
      " {0, 0, 0, 0, 0}};\nextern \"C\" __attribute__((visibility(\"default\"), used)) const "
      "sk_emu_image sk_emu_kernels;\nconst sk_emu_image sk_emu_kernels = {SK_EMU_ABI, " +
      std::to_string(text.kernels.size()) + ", sk_table};\n";

  const char *tmp = std::getenv("TMPDIR");
  std::string dir = std::string(tmp && *tmp ? tmp : "/tmp") + "/sk-emu-XXXXXX";
  if (!mkdtemp(dir.data()))
    return r.log = "nvrtc: error: no folder for temporary files: " + dir + "\n", r;
  const std::vector<std::string> files = {"k.cc", "k.o", "k.so", "log"};
  write(dir + "/k.cc", all);
  std::vector<std::string> compile = cxx, link = cxx;
  compile.insert(compile.end(), args.begin(), args.end());
  compile.insert(compile.end(), {"-c", dir + "/k.cc", "-o", dir + "/k.o"});
  int status = command(compile, dir + "/log");
  if (status == 0) {
    // The object is linked against the driver, so that a kernel finds the driver however it was
    // opened.
    link.insert(link.end(), {"-shared", "-nostdlib", "-Wl,-Bsymbolic", "-o", dir + "/k.so",
                             dir + "/k.o", "-L" + here, "-l:libcuda.so.1", "-lm", "-lc", "-lgcc"});
    status = command(link, dir + "/log");
  }
  const std::string raw = read(dir + "/log"), object = read(dir + "/k.so");
  clear(dir, files);
  if (status < 0)
    return r.log = "nvrtc: error: the host's compiler (" + cxx[0] + ") does not start\n", r;
  r.log = messages(raw, name);
  if (status) return r;
  mkdir(folder.c_str(), 0755);
  const std::string part =
      kept + "." + std::to_string(getpid()) + "." + std::to_string(uintptr_t(&r));
  if (write(part, sealed(object))) rename(part.c_str(), kept.c_str());
  r.ok = true, r.image = wrap(object, o);
  return r;
}

}  // namespace compile
