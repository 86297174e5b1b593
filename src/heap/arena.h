/* heap/arena.h - runs of units: who takes them, who gives them back, and their way back to the system. */
#ifndef OURO_HEAP_ARENA_H
#define OURO_HEAP_ARENA_H

#include "heap/layout.h"

typedef struct ouro__run {
  uint32_t unit;  /* the first; OURO_NONE: no memory */
  uint32_t units; /* how many */
  uint64_t dirty; /* which may hold memory and other bytes than zero; of runs up to 64 units */
  size_t clean;   /* how many of all do not: the caller counts them as taken (ouro__account_take) when they are */
} ouro__run;

/* Take `units` adjacent units, the first at an address that `alignment` divides (a power of two, at least OURO_UNIT_BYTES).
 * Prefers dirty units, then the fullest arenas. Takes the arenas' lock. */
ouro__run ouro__units_take(uint32_t units, size_t alignment);

/* Take the units [unit + have, unit + want) behind a run in use, if they are free, and count them. Takes the arenas' lock. */
bool ouro__units_extend(uint32_t unit, uint32_t have, uint32_t want);

/* Give units back, the first of a run (`head`) or its tail; `clean`: the system has all of their pages. Takes the arenas' lock. */
void ouro__units_put(uint32_t unit, uint32_t units, bool head, bool clean);

/* Pages in this arena are about to be returned: no huge pages there from now on, or they would come back. Takes the arenas' lock. */
void ouro__arena_no_huge(uint32_t index);

/* Return up to `units` dirty units to the system, from the highest addresses down; returns how many went. */
size_t ouro__units_purge(size_t units);

/* Give back the addresses of arenas in which nothing is used and nothing dirty. Returns bytes of address space. */
size_t ouro__arenas_release(void);

/* The fewest dirty units that there were since the last call: nobody needed these. */
size_t ouro__units_unneeded(void);

/* The first unit of the run that `unit` lies in, or OURO_NONE. Takes the arenas' lock. */
uint32_t ouro__units_head(uint32_t unit);

extern ouro__lock ouro__arenas_lock;

/* What the heap holds; all relaxed, exact when nothing runs. */
typedef struct ouro__account {
  _Atomic size_t units_used, units_dirty; /* units */
  _Atomic size_t units_leaving;           /* units that were dirty and are being returned */
  _Atomic size_t held, held_peak;         /* bytes: units used or dirty, less pages returned inside pools */
  _Atomic size_t taken, returned;         /* bytes ever; held == taken - returned */
  _Atomic size_t arenas;                  /* live */
  _Atomic size_t limit;                   /* bytes; 0: none */
} ouro__account;
extern ouro__account ouro__the_account;

/* Arenas 0 to one less have entries. */
extern _Atomic uint32_t ouro__arenas_top;

void ouro__account_take(size_t bytes);
void ouro__account_return(size_t bytes);

/* In a child after fork, where whoever was returning units does not exist: these are dirty again. */
void ouro__arenas_after_fork(void);

/* For the visitor and the checker: the lists hold what the masks say. Under the arenas' lock. */
bool ouro__arenas_valid(const char **why);

#endif
