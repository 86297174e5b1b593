/* heap/check.h - OURO_CONF=check: every double free, and writes past the end or after the free, are found.
 *
 * A block of n bytes becomes one of n + 16 at least: what is left after the n bytes is filled with a pattern, and the last word
 * holds the size, mixed with the address. A freed block is filled with another pattern and waits in a queue before its memory is
 * used again; what changes it meanwhile is found when it leaves. */
#ifndef OURO_HEAP_CHECK_H
#define OURO_HEAP_CHECK_H

#include "heap/layout.h"

#define OURO_CHECK_EXTRA ((size_t)16)

/* Switch it on, for good. Before another thread runs. */
void ouro__check_start(void);

static inline bool ouro__checking(void);

/* Prepare a block fresh from the heap for a request of `size` bytes. `capacity`: the block's usable bytes. */
void ouro__check_given(char *block, size_t capacity, size_t size);

/* What was requested. Fatal where the block was overrun, or is free. */
size_t ouro__check_size(const char *block, size_t capacity);

/* A block is freed: check it, and fill it. */
void ouro__check_freed(char *block, size_t capacity);

/* Put it in the queue; false: there is no room. */
bool ouro__check_wait(char *block, size_t capacity);

/* Take the oldest block out of the queue, always or only where too much waits; NULL: none. Fatal where it was written to. */
void *ouro__check_next(bool only_too_much);

/* Of the queue; for fork. */
extern ouro__lock ouro__check_lock;

#include "heap/conf.h"

static inline bool ouro__checking(void) { return OURO_UNLIKELY(ouro__load_relaxed(&ouro__conf.check)); }

#endif
