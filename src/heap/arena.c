/* heap/arena.c - runs of units, found in masks of 64 bits, one mask for each arena.
 *
 * Arenas that have free units are in a list for each number of free units, so the fullest that will do is found at once. Memory
 * that was used a moment ago is warm, and the system charges for fresh pages; so dirty units go first. */
#include "heap/arena.h"

#include "heap/conf.h"
#include "heap/region.h"

ouro__lock ouro__arenas_lock = OURO_LOCK_INIT(OURO_RANK_ARENAS);
ouro__account ouro__the_account;
_Atomic uint32_t ouro__arenas_top;

#define ARENA(index) (ouro__the_region.arenas[index])

static bool started;
static bool huge_always;                     /* the system makes huge pages of its own accord */
static uint32_t lists[OURO_ARENA_UNITS + 1]; /* first arena with so many free units, plus 1; 0: none */
static uint64_t lists_used;                  /* bit n - 1: the list of n is not empty */
static uint32_t dirty_from;                  /* no arena below has dirty units */
static uint32_t absent;                      /* arenas below the top whose addresses were given back */
static size_t dirty_low;                     /* the fewest dirty units since ouro__units_unneeded */

/* ---------------------------------------------------------------- accounts */

void ouro__account_take(size_t bytes) {
  ouro__add_relaxed(&ouro__the_account.taken, bytes);
  ouro__max_relaxed(&ouro__the_account.held_peak, ouro__add_relaxed(&ouro__the_account.held, bytes) + bytes);
}

void ouro__account_return(size_t bytes) {
  ouro__add_relaxed(&ouro__the_account.returned, bytes);
  ouro__sub_relaxed(&ouro__the_account.held, bytes);
}

/* Could the heap grow by so many bytes without passing the limit? Exact under the arenas' lock. */
static bool limit_allows(size_t bytes) {
  size_t limit = ouro__load_relaxed(&ouro__the_account.limit);
  if (!limit) return true;
  const ouro__account *account = &ouro__the_account;
  size_t units = ouro__load_relaxed(&account->units_used) + ouro__load_relaxed(&account->units_dirty) +
                 ouro__load_relaxed(&account->units_leaving);
  size_t held = units << OURO_UNIT_SHIFT;
  return held <= limit && bytes <= limit - held;
}

/* ---------------------------------------------------------------- lists of arenas by free units */

static void list_remove(uint32_t index) {
  ouro__arena *arena = &ARENA(index);
  if (!arena->nfree) return;
  if (arena->prev) {
    ARENA(arena->prev - 1).next = arena->next;
  } else {
    lists[arena->nfree] = arena->next;
    if (!arena->next) lists_used &= ~(UINT64_C(1) << (arena->nfree - 1));
  }
  if (arena->next) ARENA(arena->next - 1).prev = arena->prev;
}

static void list_insert(uint32_t index) {
  ouro__arena *arena = &ARENA(index);
  if (!arena->nfree) return;
  arena->prev = 0;
  arena->next = lists[arena->nfree];
  if (arena->next) ARENA(arena->next - 1).prev = index + 1;
  lists[arena->nfree] = index + 1;
  lists_used |= UINT64_C(1) << (arena->nfree - 1);
}

/* Every change of `free` and `dirty` goes through here. */
static void arena_set(uint32_t index, uint64_t free_bits, uint64_t dirty_bits) {
  ouro__arena *arena = &ARENA(index);
  OURO_ASSERT((dirty_bits & ~free_bits) == 0 && (free_bits & arena->head) == 0); /* I-ARENA-1 */
  size_t before = ouro__popcount64(arena->dirty), after = ouro__popcount64(dirty_bits);
  size_t dirty = ouro__add_relaxed(&ouro__the_account.units_dirty, after - before) + after - before;
  if (dirty < dirty_low) dirty_low = dirty;
  if (dirty_bits && index < dirty_from) dirty_from = index;
  list_remove(index);
  arena->free = free_bits;
  arena->dirty = dirty_bits;
  arena->nfree = (uint8_t)ouro__popcount64(free_bits);
  list_insert(index);
}

/* ---------------------------------------------------------------- arenas come and go */

static uint64_t all_units(void) { return ~UINT64_C(0); }

/* May the arena have huge pages? While the heap is small it shall not; later it has them where the system gives them to all, or
 * where the program wants them. */
static bool choose_huge(uint32_t index) {
  char *address = ouro__unit_address(index * OURO_ARENA_UNITS);
  bool large = ouro__load_relaxed(&ouro__the_account.held) >= OURO_HUGE_FROM_BYTES;
  if (large && ouro__load_relaxed(&ouro__conf.huge_pages)) return ouro__os_huge(address, OURO_ARENA_BYTES, true);
  if (huge_always && !large) ouro__os_huge(address, OURO_ARENA_BYTES, false);
  return huge_always && large;
}

static void arena_open(uint32_t index) {
  ouro__arena *arena = &ARENA(index);
  *arena = (ouro__arena){.state = OURO_ARENA_LIVE};
  ouro__store_relaxed(&arena->huge, choose_huge(index));
  ouro__add_relaxed(&ouro__the_account.arenas, 1);
  arena_set(index, all_units(), 0);
}

static bool arena_at(uint32_t index) {
  ouro__os_result result = ouro__region_map_arena(index);
  if (result == OURO_OS_REFUSED) return false;
  if (index >= ouro__load_relaxed(&ouro__arenas_top)) {
    ouro__store_relaxed(&ouro__arenas_top, index + 1);
    ouro__store_release(&ouro__the_region.units, (size_t)(index + 1) * OURO_ARENA_UNITS);
  } else {
    absent--;
  }
  if (result == OURO_OS_OCCUPIED) {
    ARENA(index).state = OURO_ARENA_HOLE;
  } else {
    arena_open(index);
  }
  return true;
}

/* Map one arena more, the lowest that can be had; OURO_NONE: no memory. */
static uint32_t arena_new(void) {
  uint32_t index = 0;
  for (;;) {
    uint32_t top = ouro__load_relaxed(&ouro__arenas_top);
    if (!absent) index = top;
    while (index < top && ARENA(index).state != OURO_ARENA_ABSENT) index++;
    if (index >= ouro__region_arenas_max || !arena_at(index)) return OURO_NONE;
    if (ARENA(index).state == OURO_ARENA_LIVE) return index;
  }
}

static bool start(void) {
  if (started) return true;
  started = ouro__region_start();
  huge_always = ouro__os_huge_always();
  return started;
}

size_t ouro__arenas_release(void) {
  size_t bytes = 0;
  ouro__acquire(&ouro__arenas_lock);
  for (uint32_t index = ouro__load_relaxed(&ouro__arenas_top); index-- > 0;) {
    ouro__arena *arena = &ARENA(index);
    if (arena->state != OURO_ARENA_LIVE || arena->nfree < OURO_ARENA_UNITS || arena->dirty) continue;
    if (!ouro__region_unmap_arena(index)) break;
    list_remove(index);
    *arena = (ouro__arena){.state = OURO_ARENA_ABSENT};
    ouro__sub_relaxed(&ouro__the_account.arenas, 1);
    absent++;
    bytes += OURO_ARENA_BYTES;
  }
  ouro__release(&ouro__arenas_lock);
  return bytes;
}

/* ---------------------------------------------------------------- finding a run within an arena */

/* Bits at which a run of that alignment may begin. */
static uint64_t alignment_mask(size_t alignment) {
  uint64_t mask = all_units();
  for (size_t step = alignment >> OURO_UNIT_SHIFT, have = 1; have < step; have *= 2) {
    static const uint64_t every[] = {0x5555555555555555u, 0x1111111111111111u, 0x0101010101010101u,
                                     0x0001000100010001u, 0x0000000100000001u, 1u};
    mask = every[ouro__log2(have)];
  }
  return mask;
}

typedef struct place {
  uint32_t arena, first;
} place;

static place find_dirty(uint32_t units, uint64_t aligned) {
  uint32_t top = ouro__load_relaxed(&ouro__arenas_top);
  bool seen = false;
  if (ouro__load_relaxed(&ouro__the_account.units_dirty) < units) return (place){OURO_NONE, 0};
  for (uint32_t index = dirty_from; index < top; index++) {
    uint64_t dirty = ARENA(index).dirty;
    if (!dirty) continue;
    if (!seen) dirty_from = index;
    seen = true;
    uint64_t at = ouro__runs64(dirty, units) & aligned;
    if (at) return (place){index, ouro__ctz64(at)};
  }
  if (!seen) dirty_from = top;
  return (place){OURO_NONE, 0};
}

static place find_free(uint32_t units, uint64_t aligned) {
  uint64_t candidates = lists_used & ~(ouro__mask64(0, units) >> 1);
  for (; candidates; candidates &= candidates - 1) {
    for (uint32_t entry = lists[ouro__ctz64(candidates) + 1]; entry; entry = ARENA(entry - 1).next) {
      uint64_t at = ouro__runs64(ARENA(entry - 1).free, units) & aligned;
      if (at) return (place){entry - 1, ouro__ctz64(at)};
    }
  }
  return (place){OURO_NONE, 0};
}

static ouro__run take_within(uint32_t units, size_t alignment) {
  uint64_t aligned = alignment_mask(alignment);
  place found = find_dirty(units, aligned);
  if (found.arena == OURO_NONE) found = find_free(units, aligned);
  if (found.arena == OURO_NONE) {
    found = (place){arena_new(), 0};
    if (found.arena == OURO_NONE) return (ouro__run){.unit = OURO_NONE};
  }
  ouro__arena *arena = &ARENA(found.arena);
  uint64_t mask = ouro__mask64(found.first, units);
  uint64_t dirty = arena->dirty & mask;
  arena_set(found.arena, arena->free & ~mask, arena->dirty & ~mask);
  arena->head |= UINT64_C(1) << found.first;
  return (ouro__run){found.arena * OURO_ARENA_UNITS + found.first, units, dirty >> found.first, units - ouro__popcount64(dirty)};
}

/* ---------------------------------------------------------------- runs over several arenas
 *
 * Free units at the end of an arena, whole free arenas behind it, and free units at the beginning of the next make one stretch. The
 * shortest that will do is taken. Arenas whose addresses were given back count as free, and are mapped when they are taken; behind
 * the last arena more can be mapped. */

static uint64_t free_or_absent(uint32_t index) {
  return ARENA(index).state == OURO_ARENA_ABSENT ? all_units() : ARENA(index).free;
}

static unsigned ones_at_start(uint64_t bits) { return ~bits ? ouro__ctz64(~bits) : OURO_ARENA_UNITS; }
static unsigned ones_at_end(uint64_t bits) { return ~bits ? 63 - ouro__log2(~bits) : OURO_ARENA_UNITS; }

/* The first place at or behind `unit` that is aligned. */
static size_t align_unit(size_t unit, size_t alignment) {
  size_t address = ouro__round_up(ouro__hot_base + (unit << OURO_UNIT_SHIFT), alignment);
  return (address - ouro__hot_base) >> OURO_UNIT_SHIFT;
}

typedef struct stretch {
  size_t first, units; /* the place for the run, and what the whole stretch has from there on; units 0: none */
} stretch;

/* Is the stretch [from, to) large enough, and smaller than the best so far? */
static void consider(stretch *best, size_t from, size_t to, size_t units, size_t alignment) {
  size_t first = align_unit(from, alignment);
  if (first + units > to || (best->units && to - first >= best->units)) return;
  *best = (stretch){first, to - first};
}

/* The best stretch within the arenas there are; where there is none, one that goes on behind the last. */
static size_t find_across(size_t units, size_t alignment) {
  size_t top = ouro__load_relaxed(&ouro__arenas_top), from = 0;
  stretch best = {0, 0};
  for (size_t index = 0; index < top; index++) {
    uint64_t free_bits = free_or_absent((uint32_t)index);
    if (free_bits == all_units()) continue;
    consider(&best, from, index * OURO_ARENA_UNITS + ones_at_start(free_bits), units, alignment);
    from = (index + 1) * OURO_ARENA_UNITS - ones_at_end(free_bits);
  }
  consider(&best, from, top * OURO_ARENA_UNITS, units, alignment);
  return best.units ? best.first : align_unit(from, alignment);
}

/* Map what is not mapped of the arenas that the run touches. *hole: the first unit behind somebody else's mapping in the way. What was
 * mapped stays, free, when it fails. */
static bool open_arenas(size_t first, size_t units, size_t *hole) {
  if (first + units > (size_t)ouro__region_arenas_max * OURO_ARENA_UNITS) return false;
  for (size_t index = 0; index <= (first + units - 1) / OURO_ARENA_UNITS; index++) {
    bool known = index < ouro__load_relaxed(&ouro__arenas_top);
    if (known && (index < first / OURO_ARENA_UNITS || ARENA(index).state == OURO_ARENA_LIVE)) continue;
    if (!arena_at((uint32_t)index)) return false;
    if (ARENA(index).state == OURO_ARENA_HOLE && index >= first / OURO_ARENA_UNITS) {
      *hole = (index + 1) * OURO_ARENA_UNITS;
      return false;
    }
  }
  return true;
}

static uint64_t part_of_run(size_t first, size_t units, size_t index) {
  size_t begin = index * OURO_ARENA_UNITS, from = first > begin ? first - begin : 0, to = first + units - begin;
  if (to > OURO_ARENA_UNITS) to = OURO_ARENA_UNITS;
  return ouro__mask64((unsigned)from, (unsigned)(to - from));
}

static ouro__run take_across(uint32_t units, size_t alignment) {
  size_t first, hole;
  do {
    hole = 0;
    first = find_across(units, alignment);
    if (!open_arenas(first, units, &hole) && !hole) return (ouro__run){.unit = OURO_NONE};
  } while (hole);
  ouro__run run = {(uint32_t)first, units, 0, units};
  for (size_t index = first / OURO_ARENA_UNITS; index <= (first + units - 1) / OURO_ARENA_UNITS; index++) {
    ouro__arena *arena = &ARENA(index);
    uint64_t mask = part_of_run(first, units, index);
    run.clean -= ouro__popcount64(arena->dirty & mask);
    arena_set((uint32_t)index, arena->free & ~mask, arena->dirty & ~mask);
  }
  ARENA(first / OURO_ARENA_UNITS).head |= UINT64_C(1) << (first % OURO_ARENA_UNITS);
  return run;
}

/* ---------------------------------------------------------------- huge pages */

/* The collapsing of small pages into huge ones would bring returned pages back, and huge pages may have brought units that nobody
 * used: these count as dirty from now on. */
static void stop_huge(uint32_t index) {
  ouro__arena *arena = &ARENA(index);
  if (!ouro__load_relaxed(&arena->huge)) return;
  ouro__os_huge(ouro__unit_address(index * OURO_ARENA_UNITS), OURO_ARENA_BYTES, false);
  ouro__store_relaxed(&arena->huge, 0);
  ouro__account_take((size_t)(arena->nfree - ouro__popcount64(arena->dirty)) << OURO_UNIT_SHIFT);
  arena_set(index, arena->free, arena->free);
}

void ouro__arena_no_huge(uint32_t index) {
  if (!ouro__load_relaxed(&ARENA(index).huge)) return;
  ouro__acquire(&ouro__arenas_lock);
  stop_huge(index);
  ouro__release(&ouro__arenas_lock);
}

/* ---------------------------------------------------------------- the interface */

static ouro__run take_locked(uint32_t units, size_t alignment) {
  if (!start()) return (ouro__run){.unit = OURO_NONE};
  bool within = units <= OURO_ARENA_UNITS && alignment <= OURO_ARENA_BYTES;
  ouro__run run = within ? take_within(units, alignment) : take_across(units, alignment);
  if (run.unit != OURO_NONE) ouro__add_relaxed(&ouro__the_account.units_used, units);
  return run;
}

ouro__run ouro__units_take(uint32_t units, size_t alignment) {
  size_t bytes = (size_t)units << OURO_UNIT_SHIFT;
  if (!limit_allows(bytes)) ouro__units_purge(SIZE_MAX);
  ouro__acquire(&ouro__arenas_lock);
  ouro__run run = limit_allows(bytes) ? take_locked(units, alignment) : (ouro__run){.unit = OURO_NONE};
  ouro__release(&ouro__arenas_lock);
  if (run.unit == OURO_NONE) ouro__arenas_release(); /* what was mapped on the way to a run that did not fit */
  return run;
}

static bool unit_is_free(uint32_t unit) {
  const ouro__arena *arena = &ARENA(unit / OURO_ARENA_UNITS);
  return arena->state == OURO_ARENA_LIVE && (arena->free >> (unit % OURO_ARENA_UNITS) & 1);
}

static bool extend_locked(uint32_t unit, uint32_t have, uint32_t want) {
  for (uint32_t at = unit + have; at < unit + want; at++) {
    uint32_t index = at / OURO_ARENA_UNITS;
    if (index >= ouro__load_relaxed(&ouro__arenas_top)) {
      if (index >= ouro__region_arenas_max || !arena_at(index)) return false;
    }
    if (!unit_is_free(at)) return false;
  }
  size_t clean = 0;
  for (uint32_t at = unit + have; at < unit + want; at++) {
    ouro__arena *arena = &ARENA(at / OURO_ARENA_UNITS);
    uint64_t bit = UINT64_C(1) << (at % OURO_ARENA_UNITS);
    if (!(arena->dirty & bit)) clean++;
    arena_set(at / OURO_ARENA_UNITS, arena->free & ~bit, arena->dirty & ~bit);
  }
  ouro__add_relaxed(&ouro__the_account.units_used, want - have);
  ouro__account_take(clean << OURO_UNIT_SHIFT);
  return true;
}

bool ouro__units_extend(uint32_t unit, uint32_t have, uint32_t want) {
  ouro__acquire(&ouro__arenas_lock);
  bool done = limit_allows((size_t)(want - have) << OURO_UNIT_SHIFT) && extend_locked(unit, have, want);
  ouro__release(&ouro__arenas_lock);
  return done;
}

void ouro__units_put(uint32_t unit, uint32_t units, bool head, bool clean) {
  if (clean) ouro__account_return((size_t)units << OURO_UNIT_SHIFT);
  ouro__acquire(&ouro__arenas_lock);
  if (head) ARENA(unit / OURO_ARENA_UNITS).head &= ~(UINT64_C(1) << (unit % OURO_ARENA_UNITS));
  ouro__sub_relaxed(&ouro__the_account.units_used, units);
  while (units > 0) {
    uint32_t first = unit % OURO_ARENA_UNITS, index = unit / OURO_ARENA_UNITS;
    uint32_t count = OURO_ARENA_UNITS - first < units ? OURO_ARENA_UNITS - first : units;
    uint64_t mask = ouro__mask64(first, count);
    arena_set(index, ARENA(index).free | mask, ARENA(index).dirty | (clean ? 0 : mask));
    unit += count;
    units -= count;
  }
  ouro__release(&ouro__arenas_lock);
}

uint32_t ouro__units_head(uint32_t unit) {
  uint32_t head = OURO_NONE;
  ouro__acquire(&ouro__arenas_lock);
  for (uint32_t index = unit / OURO_ARENA_UNITS; ARENA(index).state == OURO_ARENA_LIVE; index--) {
    uint32_t last = index == unit / OURO_ARENA_UNITS ? unit % OURO_ARENA_UNITS : OURO_ARENA_UNITS - 1;
    uint64_t stops = (ARENA(index).head | ARENA(index).free) & ouro__mask64(0, last + 1);
    if (stops) {
      uint32_t at = ouro__log2(stops);
      if (ARENA(index).head >> at & 1) head = index * OURO_ARENA_UNITS + at;
      break;
    }
    if (index == 0) break;
  }
  ouro__release(&ouro__arenas_lock);
  return head;
}

/* ---------------------------------------------------------------- back to the system */

size_t ouro__units_unneeded(void) {
  ouro__acquire(&ouro__arenas_lock);
  size_t low = dirty_low;
  dirty_low = ouro__load_relaxed(&ouro__the_account.units_dirty);
  ouro__release(&ouro__arenas_lock);
  return low;
}

/* Take up to `units` dirty units of the highest arena below *below that has any out of the lists, so that the system call needs
 * no lock. */
static uint64_t purge_claim(uint32_t *below, size_t units) {
  uint64_t claimed = 0;
  ouro__acquire(&ouro__arenas_lock);
  uint32_t index = ouro__load_relaxed(&ouro__arenas_top);
  if (index > *below) index = *below;
  while (index-- > 0) {
    if (!ARENA(index).dirty) continue;
    stop_huge(index);
    uint64_t dirty = ARENA(index).dirty;
    for (; dirty && units > 0; units--) {
      uint64_t highest = UINT64_C(1) << ouro__log2(dirty);
      claimed |= highest;
      dirty &= ~highest;
    }
    ouro__add_relaxed(&ouro__the_account.units_leaving, ouro__popcount64(claimed));
    arena_set(index, ARENA(index).free & ~claimed, ARENA(index).dirty & ~claimed);
    ARENA(index).leaving |= claimed;
    *below = index;
    break;
  }
  ouro__release(&ouro__arenas_lock);
  return claimed;
}

/* Give each stretch of the mask to the system; what was refused stays dirty. */
static uint64_t purge_return(uint32_t index, uint64_t mask) {
  uint64_t gone = 0;
  for (uint64_t left = mask; left;) {
    unsigned first = ouro__ctz64(left);
    uint64_t rest = ~(left >> first);
    unsigned count = rest ? ouro__ctz64(rest) : 64;
    uint64_t part = ouro__mask64(first, count);
    char *address = ouro__unit_address(index * OURO_ARENA_UNITS + first);
    if (ouro__os_return(address, (size_t)count << OURO_UNIT_SHIFT)) gone |= part;
    left &= ~part;
  }
  return gone;
}

size_t ouro__units_purge(size_t units) {
  size_t total = 0;
  for (uint32_t below = OURO_NONE; total < units;) {
    uint64_t claimed = purge_claim(&below, units - total);
    if (!claimed) break;
    uint64_t gone = purge_return(below, claimed);
    ouro__account_return((size_t)ouro__popcount64(gone) << OURO_UNIT_SHIFT);
    ouro__acquire(&ouro__arenas_lock);
    ARENA(below).leaving &= ~claimed;
    arena_set(below, ARENA(below).free | claimed, ARENA(below).dirty | (claimed & ~gone));
    ouro__sub_relaxed(&ouro__the_account.units_leaving, ouro__popcount64(claimed));
    ouro__release(&ouro__arenas_lock);
    total += ouro__popcount64(gone);
  }
  return total;
}

void ouro__arenas_after_fork(void) {
  for (uint32_t index = 0; index < ouro__load_relaxed(&ouro__arenas_top); index++) {
    uint64_t leaving = ARENA(index).leaving;
    if (!leaving) continue;
    ARENA(index).leaving = 0;
    arena_set(index, ARENA(index).free | leaving, ARENA(index).dirty | leaving);
  }
  ouro__store_relaxed(&ouro__the_account.units_leaving, 0);
}

/* ---------------------------------------------------------------- the checker */

bool ouro__arenas_valid(const char **why) {
  size_t listed = 0, dirty = 0, with_free = 0;
  for (uint32_t n = 1; n <= OURO_ARENA_UNITS; n++) {
    for (uint32_t entry = lists[n]; entry; entry = ARENA(entry - 1).next) {
      listed++;
      *why = "I-ARENA-2: an arena is in the list of another number of free units";
      if (ARENA(entry - 1).nfree != n) return false;
    }
  }
  for (uint32_t index = 0; index < ouro__load_relaxed(&ouro__arenas_top); index++) {
    const ouro__arena *arena = &ARENA(index);
    if (arena->state != OURO_ARENA_LIVE) continue;
    *why = "I-ARENA-1: a unit is dirty and not free, or free and the first of something";
    if ((arena->dirty & ~arena->free) || (arena->free & arena->head)) return false;
    *why = "I-ARENA-2: the number of free units is wrong";
    if (arena->nfree != ouro__popcount64(arena->free)) return false;
    dirty += ouro__popcount64(arena->dirty);
    if (arena->nfree) with_free++;
  }
  *why = "I-ARENA-2: an arena with free units is in no list";
  if (listed != with_free) return false;
  *why = "the number of dirty units is wrong";
  return dirty == ouro__load_relaxed(&ouro__the_account.units_dirty);
}
