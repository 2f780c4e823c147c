// The part of CUDA C++ that exists without any header, for a text that the host's compiler
// compiles. It is included in front of every text and of the macros given as options, so that those
// cannot change it.
#pragma once
#define SHAKE_EMULATOR 1
#include "atomic.h"
#include "entry.h"
#include "math.h"
#include "tensor.h"
#include "thread.h"
#include "types.h"
