// What CUDA C++ has without any header, for a text that the host's compiler compiles. Included in front of every text; entry.h stands behind it.
#pragma once
#define SHAKE_EMULATOR 1
#include "atomic.h"
#include "math.h"
#include "thread.h"
#include "types.h"
