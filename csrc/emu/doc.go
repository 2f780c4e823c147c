// Package emu builds a CUDA device made of CPU threads, for tests on a machine with no GPU, and reads its counters.
//
// The emulator is a folder of stand-in libraries: libcuda.so.1 and libnvrtc.so.13 (here), libcudnn.so.9 (cudnn/), libnvidia-ml.so.1 (nvml/). Named in
// SHAKE_LIBRARY_PATH it is opened like the real ones, so the product has not one line that knows of it, and nothing of it is in the product.
//
//	func TestMain(m *testing.M) { emu.Main(m) }
//	func TestSomething(t *testing.T) { emu.Require(t); ... }
//
// What it does, and where it is stricter than a card:
//
//   - NVRTC hands the text to the host's C++ compiler behind prelude/, which is CUDA C++ without headers, and keeps what it made. Texts may include nothing.
//     PTX in asm statements is not understood: write it for #ifdef __CUDA_ARCH__ and plain C++ for the rest. prelude/tensor.h has functions for mma.sync (m16n8k16
//     of bfloat16 and binary16), ldmatrix and cp.async, for which plain C++ has none.
//
//   - mma.sync and ldmatrix need all 32 lanes of a warp at one place of the text. The 16 products of a sum are exact, and are added to the accumulator in float64 in the
//     order of k; the sum is rounded to float32 once. A card's own order and rounding of these sums are documented nowhere: its bits differ.
//
//   - What cp.async copies arrives when its thread waits for the group, as it is then; until then, and without a wait for ever, the destination is poison. Shared
//     memory's addresses of 32 bits have room behind the static and the dynamic part, and both are checked.
//
//   - A block's threads are fibers on one OS thread, in an order shuffled anew at each barrier; blocks, and nodes of a graph that do not depend on each
//     other, are shuffled too. Kernels without barriers are plain calls. Threads that wait for one another for ever, or in different barriers, fail the launch.
//
//   - Each access of a kernel is checked: it has to be in one live allocation of its card, in the block's shared memory or on the thread's stack, and aligned as
//     its type asks. A kernel that fails loses the context, as on a card, and the reason is written to stderr and kept for Message.
//
//   - Device memory, shared memory and the destinations of copies that are not done yet are filled with 0xff: NaN in every floating type.
//
//   - Streams are lazy: work is done when somebody waits for it, and no more than has to be. So a missing wait shows every time.
//
//   - Capture refuses what a card refuses. Handles are never reused: one that was destroyed is an error.
//
//   - cuDNN has the graph API of 9.28: it takes the graphs that the real one takes on an H100 and refuses the others, checks descriptors as strictly or more
//     (cudnn/test/strict_test.cc lists both answers to each mistake), and computes in float32 what a plan says, rounded as its tensors, virtual ones too, are
//     typed. Engines on tensor cores round products of float32 to TF32; nondeterministic ones change bits from run to run; workspaces are left full of
//     NaN; a plan's memory has to be live, aligned and apart, at the call and when the stream runs it.
//
//   - Races on shared memory are looked for with races=1: two threads, one byte, a write, and no barrier in between, whatever the order they ran in.
//
// Not emulated: speed, registers, rounding of fast intrinsics, memory ordering between threads weaker than one after the other, child graphs, PTX. Two
// threads that race on global memory are seen only by what comes out. A kernel compiled with check=0 that reaches past its memory may end the program.
//
// Settings (number of cards, memory, capability, seed, races, profile, ...) are listed in cuda/settings.h; they stand in SHAKE_EMU_CUDA or go through Set. Kernels
// are checked unless SHAKE_EMU_CUDA says check=0, which about halves their time. SHAKE_EMU_CXX names another compiler for kernels. What is built,
// libraries and kernels, is kept in shake/emulator in the user's cache folder, for a month after its last use; it may be deleted at any time.
package emu
