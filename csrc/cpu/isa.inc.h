// isa.inc.h: everything that is compiled once per instruction set. The including file has set the target and SK_ISA.
#include "dispatch.h"
#include "vec.h"

#include "peak.inc.h"
#include "read.inc.h"
#include "sums.inc.h"

#include "stage.inc.h"
#include "conv.inc.h"
#include "tile.inc.h"
#include "winograd_maps.inc.h"
#include "winograd.inc.h"
#include "strassen.inc.h"
#include "fast.inc.h"
#include "elementwise.inc.h"

const sk_kernels SK_(sk_isa) = {.name = SK_ISA_NAME, .peak = peak, .conv = &SK_(conv), .fast = &SK_(fast), .elementwise = &SK_(elementwise)};
