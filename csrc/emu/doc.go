// Package emu builds a CUDA device made of CPU threads, for tests on a machine with no GPU, and
// reads its counters.
//
// The emulator is a folder of stand-in libraries: libcuda.so.1 and libnvrtc.so.13 (here),
// libcudnn.so.9 (cudnn/), libnccl.so.2 (nccl/), libnvidia-ml.so.1 (nvml/), libcupti.so.13
// (cupti/), and a profiler's library for NVTX, libnvtx-record.so (nvtx/), which
// NVTX_INJECTION64_PATH may name. With the folder in
// SHAKE_LIBRARY_PATH the product opens them as it opens the real ones. No line of the product knows
// of the emulator, and no part of the emulator is in the product.
//
//	func TestMain(m *testing.M) { emu.Main(m) }
//	func TestSomething(t *testing.T) { emu.Require(t); ... }
//
// Its behaviour, and the points where it is stricter than a card:
//
//   - NVRTC passes the text to the host's C++ compiler behind prelude/, which is CUDA C++ without
//     headers, and keeps the result. A text may not include files. PTX in asm statements is not
//     understood: a text has it for #ifdef __CUDA_ARCH__ and plain C++ otherwise. prelude/tensor.h
//     has functions for mma.sync (m16n8k16 of bfloat16 and binary16), ldmatrix and cp.async, for
//     which plain C++ has no equivalent.
//
//   - mma.sync and ldmatrix need all 32 lanes of a warp at one place of the text. The 16 products
//     of a sum are exact, and are added to the accumulator in float64 in the order of k; the sum is
//     rounded to float32 once. A card's own order and rounding of these sums are documented
//     nowhere: its bits differ.
//
//   - A copy of cp.async reads its source and arrives when its thread waits for the group. Until
//     then, and for ever without a wait, the destination is poison. The 32-bit addresses of shared
//     memory have room behind the static and the dynamic part, and both are checked.
//
//   - The threads of a block are fibers on one OS thread, in an order shuffled anew at each
//     barrier. Blocks, and independent nodes of a graph, are shuffled too. Kernels without barriers
//     are plain calls. Threads that wait for one another for ever, or in different barriers, fail
//     the launch.
//
//   - Each access of a kernel is checked. It has to be in one live allocation of its card, in the
//     block's shared memory or on the thread's stack, and aligned as its type requires. A kernel
//     that fails loses the context, as on a card. The reason is written to stderr and kept for
//     Message.
//
//   - Device memory, shared memory and the destinations of unfinished copies are filled with 0xff:
//     NaN in every floating type.
//
//   - Streams are lazy: work runs when a call waits for it, and only the necessary part runs. A
//     missing wait therefore shows every time.
//
//   - A programmatic launch may overlap the kernel in front of it. Before that kernel runs, the
//     threads of the launch run up to their griddepcontrol.wait. Failures are: a store before the
//     wait, a value read before it that the kernel in front changes, a thread that never waits, and
//     griddepcontrol.launch_dependents before the wait, by which two launches could overlap. A
//     capture takes such a launch behind one kernel only. (prelude/thread.h has the functions)
//
//   - Capture refuses the calls that a card refuses. Handles are never reused: the handle of a
//     destroyed object is an error.
//
//   - cuDNN has the graph API of 9.28. It takes the graphs that the real one takes on an H100 and
//     refuses the others. It checks descriptors as strictly or more (cudnn/test/strict_test.cc
//     lists both answers to each mistake). It computes a plan in float32 and rounds to the types of
//     the tensors, virtual ones too. Engines on tensor cores round products of float32 to TF32;
//     nondeterministic ones change bits from run to run. Workspaces are left full of NaN. A plan's
//     memory has to be live, aligned and without overlap, at the call and when the stream runs it.
//     A handle is refused on another thread than the one that made it.
//
//   - NCCL joins threads of one process, or processes of one machine, in shared memory. Work of a
//     call begins when its stream is waited for, or its graph is; it waits for the other ranks for
//     ever, until it is aborted. Ranks that make different calls fail; on cards they hang or
//     compute nonsense. A rank that ends is an error of the communicator on all others. Sums have
//     the order of the ranks.
//
//   - With races=1, races on shared memory are found in any order of running: two threads, one
//     byte, a write, and no barrier in between.
//
// Not emulated: speed, registers, rounding of fast intrinsics, memory ordering between threads
// weaker than one after the other, child graphs, PTX. A race on global memory shows only in its
// results. A kernel compiled with check=0 that accesses memory outside of its own may end the
// program.
//
// The settings (number of cards, memory, capability, seed, races, profile, ...) are listed in
// cuda/settings.h; they are set in SHAKE_EMU_CUDA or by Set. Kernels are checked unless
// SHAKE_EMU_CUDA has check=0, which about halves their time, or SHAKE_EMU_CHECK is 0 (Unchecked).
// SHAKE_EMU_CXX names another compiler for kernels. Built libraries and kernels are kept in
// shake/emulator in the user's cache folder, for a month after their last use. The folder may be
// deleted at any time.
package emu
