// The interface of the emulated driver for the other emulated libraries and for tests. The library
// exports only these functions and the driver's own.
#pragma once
#include <stddef.h>

#include "../../load/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Queues work of the host on a stream, as a kernel would be: it is captured, replayed, and run when
   a call waits for it. run is called with arg, possibly several times (graphs) and on any thread,
   with no lock held. It may call sk_emu_check and sk_emu_fail, but not the driver. free_arg, if not
   null, is called when no stream and no graph needs arg any more, also when sk_emu_enqueue fails.
   Returns a CUresult. */
int sk_emu_enqueue(CUstream stream, void (*run)(void *), void *arg, void (*free_arg)(void *));

/* Whether p .. p+bytes-1 is inside one live allocation that a card can reach. */
int sk_emu_check(const void *p, size_t bytes, int write);

/* The number of events of a kind since the start or the last reset: sync (calls that wait),
   implicit_sync (calls that wait as a side effect), query, launch (kernels given to a stream),
   kernel (kernels run), graph_launch, capture, memcpy, memset, alloc, free, host_alloc, enqueue,
   module. Or a present number: live_handles, live_bytes. */
long sk_emu_count(const char *what);
void sk_emu_reset_counts(void);
void sk_emu_add(const char *what, long n);

/* Copies the explanation of the last error and returns its length. It also goes to the log of
   settings.h. */
size_t sk_emu_message(char *text, size_t size);
void sk_emu_log(const char *text);

/* Replaces the settings (settings.h); null: those of the environment. */
void sk_emu_set(const char *all);

/* Fails the running work of the calling thread's stream: its context is lost with this error. Only
   run of sk_emu_enqueue may call it. */
void sk_emu_fail(int error);

size_t sk_emu_live_bytes(void);

/* A kernel that ran. Times are in nanoseconds; node is 0 outside of graphs, and then counts from 1
   in the order of the graph's nodes. */
typedef struct {
  const char *name;
  unsigned grid[3], block[3], dynamic, device, correlation;
  unsigned long long node, start, end;
} sk_emu_ran;

/* Sets the calls of a profiler: launched is called on the thread that puts work on a stream, with
   the call's number, and ran after each kernel. No lock of the caller's may be held in the driver's
   calls. Null: not any more. */
void sk_emu_trace(void (*launched)(unsigned correlation), void (*ran)(const sk_emu_ran *));

#ifdef __cplusplus
}
#endif
