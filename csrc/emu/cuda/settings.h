// The properties of the emulated cards, as a test sets them. SHAKE_EMU_CUDA holds settings
// key=value, separated by semicolons; sk_emu_set replaces them in a running program. A key may have
// a card's number in front ("1.memory=64M"). The last setting of a key counts, and a setting with a
// number goes before one without. CUDA_VISIBLE_DEVICES hides cards and orders them, as of the real
// driver; numbers here are those of all cards.
//
//   cards=2  cc=9.0  memory=80G  driver=13000  sms=132  name=NVIDIA H100 80GB HBM3
//   mig=N                  the card is split into N instances of MIG, a seventh of it each
//   init=N                 the result of cuInit: 0, or a CUresult such as 100 (no device) or 803
//                          (driver and library do not match)
//   fail.FUNCTION=N        FUNCTION returns N: an error of the card
//   check=1                accesses of kernels are checked (decided when a kernel is compiled, from
//                          SHAKE_EMU_CUDA alone); 0 where SHAKE_EMU_CHECK is 0
//   races=0                1: races on shared memory are looked for (needs check)
//   seed=1                 order of blocks, threads and independent nodes of a graph; 0: the order
//                          of their numbers
//   threads=N              OS threads that run blocks; not set: one for each processor, at most 8
//   timeout=600            seconds that a kernel may run
//   hang=N                 the card's Nth kernel of this process, without libraries', never ends
//   profile=0              1: when a context ends, stderr gets the time of each kernel
//   log=stderr             the log of explained errors: stderr, none, or a file to append to
#pragma once
#include <string>

namespace settings {

void replace(const char *all);  // null: as in the environment
std::string text(int card, const std::string &key, const std::string &otherwise);
double number(int card, const std::string &key, double otherwise);

}  // namespace settings
