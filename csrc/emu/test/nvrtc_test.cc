// The compiler: options, logs, images.
#include <unistd.h>

#include <filesystem>

#include "harness.h"

static const char *const kText = "extern \"C\" __global__ void k(float *x) { x[0] = N; }";

static void logs() {
  std::string log;
  compile("\n\nextern \"C\" __global__ void k(float *x) {\n  x[0] = y;\n}\n", &log,
          "--gpu-architecture=sm_90", NVRTC_ERROR_COMPILATION);
  CHECK(log.find("text.cu(4): error: 'y' was not declared") != std::string::npos);
  CHECK(log.find("1 error detected in the compilation of \"text.cu\".") != std::string::npos);
  compile("#include <cmath>\n", &log, "--gpu-architecture=sm_90", NVRTC_ERROR_COMPILATION);
  CHECK(log.find("text.cu(1): error:") != std::string::npos);
  compile("extern \"C\" __global__ void k() {\n  __shared__ int s = 3;\n}", &log,
          "--gpu-architecture=sm_90", NVRTC_ERROR_COMPILATION);
  CHECK(log.find("text.cu(2): error: initializer not allowed") != std::string::npos);
  compile(
      "extern \"C\" __global__ void k() { extern __shared__ float\ns[]; s[0] = 1;\n  nothing; }",
      &log, "--gpu-architecture=sm_90", NVRTC_ERROR_COMPILATION);
  CHECK(log.find("text.cu(3): error: 'nothing'") != std::string::npos);
}

static void options() {
  std::string log;
  compile(kText, &log, "--no-such-option", NVRTC_ERROR_INVALID_OPTION);
  CHECK(log.find("unrecognized option --no-such-option") != std::string::npos);
  compile(kText, nullptr, "--gpu-architecture=sm_20", NVRTC_ERROR_INVALID_OPTION);
  compile(kText, nullptr, "-arch=sm_90", NVRTC_SUCCESS,
          {"-DN=3", "--fmad=false", "-lineinfo", "--use_fast_math"});
  compile(kText, nullptr, "-arch=sm_90", NVRTC_SUCCESS, {"-D", "N=3"});
  nvrtcProgram p = nullptr;
  EQ(rtc.nvrtcCreateProgram(&p, nullptr, nullptr, 0, nullptr, nullptr), NVRTC_ERROR_INVALID_INPUT);
  EQ(rtc.nvrtcCompileProgram(p, 0, nullptr), NVRTC_ERROR_INVALID_PROGRAM);
  OK(rtc.nvrtcCreateProgram(&p, kText, nullptr, 0, nullptr, nullptr));
  size_t n;
  EQ(rtc.nvrtcGetCUBINSize(p, &n), NVRTC_ERROR_INVALID_PROGRAM);
  nvrtcProgram copy = p;
  OK(rtc.nvrtcDestroyProgram(&p));
  CHECK(!p);
  EQ(rtc.nvrtcDestroyProgram(&copy), NVRTC_ERROR_INVALID_PROGRAM);
}

static void images() {
  const std::string text =
      "extern \"C\" __global__ void k(float *x) {} __global__ void mangled(float *) {} template "
      "<class T> __global__ void t(T *) {}\n"
      "extern \"C\" { __global__ void second(int) {} }\n// extern \"C\" __global__ void comment() "
      "{}\n#define NOT extern \"C\" __global__ void directive() {}\n";
  CUmodule m;
  auto load = [&](const std::string &image) {
    return cu.cuModuleLoadDataEx(&m, image.data(), 0, nullptr, nullptr);
  };
  std::string good = compile(text);
  OK(load(good));
  CUfunction f;
  OK(cu.cuModuleGetFunction(&f, m, "k"));
  OK(cu.cuModuleGetFunction(&f, m, "second"));
  for (const char *name : {"mangled", "t", "comment", "directive", "nothing"})
    EQ(cu.cuModuleGetFunction(&f, m, name), CUDA_ERROR_NOT_FOUND);
  OK(cu.cuModuleUnload(m));
  EQ(cu.cuModuleGetFunction(&f, m, "k"), CUDA_ERROR_INVALID_HANDLE);
  std::string bad = good;
  bad[bad.size() / 2] ^= 1;
  EQ(load(bad), CUDA_ERROR_INVALID_IMAGE);
  EQ(load(std::string(200, 'x')), CUDA_ERROR_INVALID_IMAGE);
  EQ(load(".version 8.0\n.target sm_90\n"), CUDA_ERROR_INVALID_PTX);
  EQ(load(compile(text, nullptr, "--gpu-architecture=sm_80")), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EQ(load(compile(text, nullptr, "--gpu-architecture=sm_100")), CUDA_ERROR_NO_BINARY_FOR_GPU);
}

// A file of the cache that lost its end is compiled anew.
static void cut(const std::string &folder) {
  namespace fs = std::filesystem;
  const std::string text = std::string(kText) + " // cut " + std::to_string(getpid());
  const auto began = fs::file_time_type::clock::now() - std::chrono::seconds(1);
  const std::string whole = compile(text, nullptr, "-arch=sm_90", NVRTC_SUCCESS, {"-DN=3"});
  int files = 0;
  for (auto &file : fs::directory_iterator(folder + "/kernels"))
    if (file.last_write_time() > began) fs::resize_file(file, file.file_size() / 2), files++;
  CHECK(files > 0);
  CHECK(compile(text, nullptr, "-arch=sm_90", NVRTC_SUCCESS, {"-DN=3"}) == whole);
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  int archs[100], n = 0, major = 0, minor = 0;
  OK(rtc.nvrtcVersion(&major, &minor));
  EQ(major, 13);
  OK(rtc.nvrtcGetNumSupportedArchs(&n));
  OK(rtc.nvrtcGetSupportedArchs(archs));
  EQ(archs[0], 75);
  logs();
  options();
  cut(argv[1]);
  fresh("images", images);
  setenv("SHAKE_EMU_CXX", "/nonexistent/c++", 1);
  std::string log;
  compile("// never seen before " + std::to_string(getpid()), &log, "--gpu-architecture=sm_90",
          NVRTC_ERROR_COMPILATION);
  CHECK(log.find("(/nonexistent/c++) does not start") != std::string::npos);
  return finish();
}
