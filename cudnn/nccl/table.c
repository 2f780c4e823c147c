#include "calls.h"

const sk_nccl_table *sk_nccl;
