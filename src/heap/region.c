/* heap/region.c - where the heap lies.
 *
 * The usual way reserves nothing: the heap picks a stretch of addresses that Linux gives to nobody (below the lowest place of
 * mmap's legacy layout, above what programs and their brk heaps use), at a random offset, and maps each arena there when it is
 * needed, never over somebody else's mapping. So the address space that a process shows, and that RLIMIT_AS limits, is what the
 * heap uses. Where that stretch cannot be used (other address layouts, emulators, sanitizers), a range is reserved instead,
 * the largest that the system grants.
 *
 *   start        + arenas' table     + bins         + pools     + sides        base (aligned)
 *   |  arenas[]  |     bins[]        |   pools[]    |   sides[]  |  (unused)  |  arena 0 | arena 1 | ...
 *
 * arenas[], pools[] and sides[] are mapped in steps, as arenas come; bins[] at once, since every free looks there before it knows whether an
 * address is the heap's. */
#include "heap/region.h"

#include "heap/meta.h"

uintptr_t ouro__hot_base;
size_t ouro__hot_units;
uint16_t *ouro__hot_bins;
ouro__side *ouro__hot_sides;
ouro__region ouro__the_region;
uint32_t ouro__region_arenas_max;

#define STEP_ARENAS 64u /* the tables grow by the entries of so many arenas: 256 MiB of heap */

static bool reserved;       /* the whole range is reserved: commit instead of map */
static bool first_mapped;   /* arena 0 is mapped already: it was the trial of the place */
static size_t mapped[4];    /* bytes of each table that are mapped */

enum { TABLE_ARENAS, TABLE_BINS, TABLE_POOLS, TABLE_SIDES, TABLES };

static const size_t entry_bytes[TABLES] = {
    sizeof(ouro__arena), sizeof(uint16_t) * OURO_ARENA_UNITS, sizeof(ouro__pool) * OURO_ARENA_UNITS,
    sizeof(ouro__side) * OURO_ARENA_UNITS};

static char *table_address[TABLES];

static size_t table_bytes(int table, uint32_t arenas) {
  return ouro__round_up(entry_bytes[table] * arenas, OURO_PAGE_BYTES);
}

static ouro__os_result make_usable(char *address, size_t size) {
  if (!reserved) return ouro__os_map_at(address, size);
  return ouro__os_commit(address, size) ? OURO_OS_DONE : OURO_OS_REFUSED;
}

/* Of the others little is touched. */
static bool is_counted(int table) { return table == TABLE_ARENAS || table == TABLE_POOLS; }

static ouro__os_result grow_tables(uint32_t arenas) {
  for (int table = 0; table < TABLES; table++) {
    size_t wanted = table_bytes(table, table == TABLE_BINS ? ouro__region_arenas_max : arenas);
    if (wanted <= mapped[table]) continue;
    ouro__os_result result = make_usable(table_address[table] + mapped[table], wanted - mapped[table]);
    if (result != OURO_OS_DONE) return result;
    if (is_counted(table)) ouro__add_relaxed(&ouro__meta_bytes, wanted - mapped[table]);
    mapped[table] = wanted;
  }
  return OURO_OS_DONE;
}

/* Addresses of tables and of arena 0 in a range that begins at `start`; returns its end. */
static uintptr_t lay_out(uintptr_t start, uint32_t arenas) {
  for (int table = 0; table < TABLES; table++) {
    table_address[table] = (char *)start;
    start += table_bytes(table, arenas);
    mapped[table] = 0;
  }
  ouro__the_region.arenas = (ouro__arena *)table_address[TABLE_ARENAS];
  ouro__hot_bins = (uint16_t *)table_address[TABLE_BINS];
  ouro__the_region.pools = (ouro__pool *)table_address[TABLE_POOLS];
  ouro__hot_sides = (ouro__side *)table_address[TABLE_SIDES];
  OURO__POKE(&ouro__hot_base, ouro__round_up(start, OURO_ARENA_BYTES)); /* somebody may free NULL just now */
  ouro__region_arenas_max = arenas;
  return ouro__hot_base + arenas * OURO_ARENA_BYTES;
}

#if OURO_TSAN /* ThreadSanitizer lets programs use few places: this is one */
#define CLAIM_START ((uintptr_t)0x001000000000)
#define CLAIM_SPREAD UINT64_C(1)
#define CLAIM_ARENAS_MAX ((size_t)1 << 14)
#else
#define CLAIM_START ((uintptr_t)0x180000000000)
#define CLAIM_SPREAD (UINT64_C(1) << 42) /* 4 TiB */
#define CLAIM_ARENAS_MAX ((size_t)1 << 21) /* 8 TiB */
#endif
#define CLAIM_ARENAS_MIN ((size_t)1 << 6)

/* Room for four times the memory there is, or could be had. */
static uint32_t arenas_wanted(void) {
  size_t bytes = ouro__os_address_limit(), arenas = CLAIM_ARENAS_MIN;
  while (arenas < CLAIM_ARENAS_MAX && arenas < bytes / OURO_ARENA_BYTES * 4) arenas *= 2;
  return (uint32_t)arenas;
}

static void unmap_tables(void) {
  for (int table = 0; table < TABLES; table++) {
    if (!mapped[table]) continue;
    ouro__os_unmap(table_address[table], mapped[table]);
    if (is_counted(table)) ouro__sub_relaxed(&ouro__meta_bytes, mapped[table]);
    mapped[table] = 0;
  }
}

/* Refused: out of memory, and another place would not help. */
static ouro__os_result claim(void) {
  uint64_t offset = ouro__os_random() % CLAIM_SPREAD;
  reserved = false;
  lay_out(CLAIM_START + ((uintptr_t)offset & ~(OURO_ARENA_BYTES - 1)), arenas_wanted());
  ouro__os_result result = grow_tables(STEP_ARENAS);
  if (result == OURO_OS_DONE) result = ouro__os_map_at((char *)ouro__hot_base, OURO_ARENA_BYTES);
  first_mapped = result == OURO_OS_DONE;
  if (result != OURO_OS_DONE) unmap_tables();
  return result;
}

static bool reserve(void) {
  for (uint32_t arenas = UINT32_C(1) << 18; arenas >= 8; arenas /= 2) {
    uintptr_t length = lay_out(OURO_ARENA_BYTES, arenas) - OURO_ARENA_BYTES;
    char *range = ouro__os_reserve(length, OURO_ARENA_BYTES);
    if (!range) continue;
    reserved = true;
    lay_out((uintptr_t)range, arenas);
    if (grow_tables(arenas < STEP_ARENAS ? arenas : STEP_ARENAS) == OURO_OS_DONE) return true;
    unmap_tables();
    ouro__os_unmap(range, length);
    return false;
  }
  return false;
}

bool ouro__region_start(void) {
  if (!ouro__os_pages_fit()) return false;
  ouro__os_result result = sizeof(void *) < 8 ? OURO_OS_OCCUPIED : claim();
  bool done = result == OURO_OS_DONE || (result == OURO_OS_OCCUPIED && reserve());
  if (done) OURO__POKE(&ouro__hot_units, (size_t)ouro__region_arenas_max * OURO_ARENA_UNITS);
  return done;
}

ouro__os_result ouro__region_map_arena(uint32_t index) {
  uint32_t entries = (index / STEP_ARENAS + 1) * STEP_ARENAS;
  if (entries > ouro__region_arenas_max) entries = ouro__region_arenas_max;
  /* Somebody else's mapping in the middle of a table cannot be passed over. */
  if (grow_tables(entries) != OURO_OS_DONE) return OURO_OS_REFUSED;
  if (index == 0 && first_mapped) {
    first_mapped = false;
    return OURO_OS_DONE;
  }
  return make_usable((char *)ouro__hot_base + index * OURO_ARENA_BYTES, OURO_ARENA_BYTES);
}

bool ouro__region_unmap_arena(uint32_t index) {
  char *address = (char *)ouro__hot_base + index * OURO_ARENA_BYTES;
  return reserved ? ouro__os_return(address, OURO_ARENA_BYTES) : ouro__os_unmap(address, OURO_ARENA_BYTES);
}
