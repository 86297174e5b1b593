/* heap/heap.h - the heap, to the layers above: what they may use beside the public interface. */
#ifndef OURO_HEAP_HEAP_H
#define OURO_HEAP_HEAP_H

#include <ouro/heap.h>
#include <ouro/inline.h> /* ouro__malloc_fast, ouro__free_fast */

#include "base/base.h"

/* The malloc family without a macro or a wrapper in between; see <ouro/heap.h> for what each promises. */
void *ouro__calloc(size_t count, size_t size);
void *ouro__realloc(void *block, size_t size);
void *ouro__aligned_alloc(size_t alignment, size_t size); /* EINVAL as in the public one */

/* (Also in purge.h and conf.h, for the heap itself.) Read OURO_CONF and register for fork now, rather than at the first allocation. */
void ouro__heap_start(void);

/* The value of `key` in OURO_CONF, of length *length, or NULL; not terminated. */
const char *ouro__conf_find(const char *key, size_t *length);

/* A few global counters, read without a lock. */
typedef struct ouro__counters {
  uint64_t bytes_held, bytes_held_peak, bytes_taken, bytes_returned, bytes_dirty, arenas;
  uint64_t pools; /* units of 64 KiB that pools and large blocks use */
  uint64_t threads;
} ouro__counters;
void ouro__heap_counters(ouro__counters *out);

/* A function that is called after each tick of the decay clock, from whichever thread ticks, with no lock held; NULL: none. */
void ouro__heap_set_tick(void (*hook)(void));

/* As ouro_stats_write, but skips what another holder has locked instead of waiting for it: for signal handlers. */
int ouro__stats_write_signal(enum ouro_format format, ouro_write_fn write, void *arg);

#endif
