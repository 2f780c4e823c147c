// arena.h: memory.
#ifndef SK_ARENA_H
#define SK_ARENA_H
#include <stdint.h>
// size zeroed bytes, 64-byte aligned, rounded up to whole cache lines, for free(). Ends the process if there is no memory, as Go does.
void *sk_aligned(int64_t size);
// size zeroed bytes on whole pages, huge where the system offers them; NULL if there is no memory.
void *sk_try_map(int64_t size);
// The same, but ends the process.
void *sk_map(int64_t size);
void sk_unmap(void *, int64_t size); // NULL: nothing
#endif
