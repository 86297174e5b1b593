/* values/intern.c - interned strings: one object for one text, which goes when nobody uses it.
 *
 *   16 stripes, by hash:   | lock | count | places | cells |
 *                                                      |
 *       cell: | 16 bits of the hash | address of the string: 44 bits | 4 bits of the hash |     0: free
 *
 * A table of each stripe knows the interned strings without holding them (open addressing, linear probing). A string is of a type of its
 * own, whose release takes it out, under the lock of its stripe. Who looks for a text finds, under that lock, a string that is still in
 * memory, and takes a reference unless the last one has gone (ouro_try_incref): then the string is on its way to its release, and its cell
 * is given to a new one, which the release will not find to be its own.
 *
 * The cell's 20 bits of the hash say where the search for it begins, as long as a stripe has a million cells or fewer, and mostly whether
 * it is another text: so what is not looked for is seldom read. They follow on the 4 bits that say the stripe.
 *
 * CPython interned into a dict that held references of its own, and took them off the counts, until 3.12 made interned strings immortal:
 * gh-113993 tells of services that grew by it.
 *
 * I-INTERN-1  a string of ouro__interned_str_type that is not about to go, and has two bytes or one that is not ASCII, is in one cell
 * I-INTERN-2  no two cells are equal texts
 * I-INTERN-3  from where the search for a cell's string begins up to the cell, none is free
 * I-INTERN-4  at least a quarter of the places are free */
#include "values/str.h"
#include "values/weak_table.h"

enum {
  STRIPES = 16,
  STRIPE_BITS = 4,
  PLACES_LEAST = 32,
  SHRINK_BELOW = 8, /* a table of which less than that part is in use is made smaller */
  LOW_BITS = 4,     /* of a cell, below the address */
  HIGH_SHIFT = 48,  /* to those above */
  KNOWN_BITS = 20,  /* of the hash, behind those of the stripe */
};
#define KNOWN ((UINT32_C(1) << KNOWN_BITS) - 1)
#define LOW ((uint64_t)15)
#define ADDRESS (((UINT64_C(1) << HIGH_SHIFT) - 1) & ~LOW)

typedef struct stripe {
  _Alignas(64) ouro__lock lock; /* for the rest */
  size_t count, places;         /* places: a power of two, or 0 */
  uint64_t *cells;
} stripe;

#define FREE {.lock = OURO_LOCK_INIT(OURO_RANK_LISTS)}
#define FOUR FREE, FREE, FREE, FREE
static stripe stripes[STRIPES] = {FOUR, FOUR, FOUR, FOUR};

static stripe *stripe_of(uint32_t hash) { return &stripes[hash % STRIPES]; }
static void intern_fork(int moment);
static bool lock(stripe *table) {
#if !defined(__GNUC__) /* else when the library is loaded: below */
  ouro__intern_at_fork = intern_fork;
#endif
  return ouro__values_lock(&table->lock, table);
}
static void unlock(stripe *table, bool locked) { ouro__values_unlock(&table->lock, locked); }

/* ---------------------------------------------------------------- the type */

static void leave(void *self);

ouro_type ouro__interned_str_type = {
    .name = "str",
    .size = sizeof(ouro_str) + 1,
    .base = &ouro_str_type,
    .item_size = 1,
    .release = leave,
    .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE,
};

/* ---------------------------------------------------------------- cells */

static inline uint32_t known_of(uint32_t hash) { return hash >> STRIPE_BITS & KNOWN; }

static inline uint64_t cell_of(const ouro_str *str) {
  uint64_t known = known_of(str->ouro__hash);
  OURO_ASSERT(((uintptr_t)str & ~ADDRESS) == 0);
  return known >> LOW_BITS << HIGH_SHIFT | (uintptr_t)str | (known & LOW);
}

static inline ouro_str *str_of(uint64_t cell) { return (ouro_str *)(uintptr_t)(cell & ADDRESS); }
static inline uint32_t known_in(uint64_t cell) { return (uint32_t)(cell >> HIGH_SHIFT << LOW_BITS | (cell & LOW)); }

/* Where the search for a string of that hash begins; for that in a cell. */
static inline size_t home_of(const stripe *table, uint32_t hash) { return (hash >> STRIPE_BITS) & (table->places - 1); }
static inline size_t home_in(const stripe *table, uint64_t cell) {
  if (OURO_UNLIKELY(table->places > KNOWN + (size_t)1)) return home_of(table, str_of(cell)->ouro__hash);
  return known_in(cell) & (table->places - 1);
}

static inline size_t after(const stripe *table, size_t at) { return (at + 1) & (table->places - 1); }

/* Text that is looked for. */
typedef struct name {
  const char *text;
  size_t bytes, points; /* points: where it has to be made */
  uint32_t hash;
} name;

static inline bool is_it(uint64_t cell, const name *it) {
  if (known_in(cell) != known_of(it->hash)) return false;
  const ouro_str *str = str_of(cell);
  return str->ouro__hash == it->hash && ouro__str_is(str, it->text, it->bytes);
}

/* Under the lock. The cell of that text, NULL: there is none. */
static uint64_t *find(const stripe *table, const name *it) {
  if (!table->count) return NULL;
  for (size_t at = home_of(table, it->hash); table->cells[at]; at = after(table, at)) {
    if (is_it(table->cells[at], it)) return &table->cells[at];
  }
  return NULL;
}

static void put(const stripe *table, uint64_t cell) {
  size_t at = home_in(table, cell);
  while (table->cells[at]) at = after(table, at);
  table->cells[at] = cell;
}

/* ---------------------------------------------------------------- the table of a stripe grows and shrinks: under its lock */

/* false: there is no memory, and nothing has changed. */
static bool resize(stripe *table, size_t places) {
  stripe before = {.places = table->places, .cells = table->cells};
  uint64_t *cells = ouro_calloc(places, sizeof *cells);
  if (!cells) return false;
  table->places = places;
  table->cells = cells;
  for (size_t i = 0; i < before.places; i++) {
    if (before.cells[i]) put(table, before.cells[i]);
  }
  ouro_free(before.cells);
  return true;
}

static bool reserve(stripe *table) {
  if (table->count < table->places - table->places / 4) return true;
  return resize(table, table->places ? table->places * 2 : PLACES_LEAST);
}

static void shrink(stripe *table) {
  int saved = errno;
  if (table->count == 0) {
    ouro_free(table->cells);
    table->cells = NULL;
    table->places = 0;
  } else if (table->places > PLACES_LEAST && table->count < table->places / SHRINK_BELOW) {
    (void)resize(table, table->places / 2);
  }
  errno = saved;
}

/* Cells behind the hole move up, where the search for them would end there (Knuth, volume 3, algorithm 6.4 R). */
static void empty(stripe *table, size_t hole) {
  for (size_t at = after(table, hole); table->cells[at]; at = after(table, at)) {
    size_t mask = table->places - 1, distance = (at - home_in(table, table->cells[at])) & mask;
    if (distance < ((at - hole) & mask)) continue;
    table->cells[hole] = table->cells[at];
    hole = at;
  }
  table->cells[hole] = 0;
  table->count--;
}

/* ---------------------------------------------------------------- a string goes */

/* The release of the type. Its cell may have been given to another; then there is none with its address. */
static void leave(void *self) {
  const ouro_str *str = self;
  uint64_t cell = cell_of(str);
  stripe *table = stripe_of(str->ouro__hash);
  bool locked = lock(table);
  if (table->count) {
    size_t at = home_in(table, cell);
    while (table->cells[at] && table->cells[at] != cell) at = after(table, at);
    if (table->cells[at]) {
      empty(table, at);
      shrink(table);
    }
  }
  unlock(table, locked);
}

/* ---------------------------------------------------------------- a string is found, or made */

/* Under the lock: a new reference to the string of that text; NULL: there is none, or it is about to go. Its cell is in *cell. */
static ouro_str *take(const stripe *table, const name *it, uint64_t **cell) {
  *cell = find(table, it);
  return *cell && ouro_try_incref(str_of(**cell)) ? str_of(**cell) : NULL;
}

static ouro_str *make(const name *it) {
  ouro_str *self = ouro__new_var_blank(&ouro__interned_str_type, it->bytes);
  if (!self) return NULL;
  memcpy(ouro__str_chars(self), it->text, it->bytes);
  ouro__str_chars(self)[it->bytes] = 0;
  self->ouro__hash = it->hash;
  self->ouro__points = ouro__str_points(it->points);
  ouro_allow_tries(self);
  return self;
}

/* Under the lock: the string is that of its text from now on. false: there is no memory. */
static bool enter(stripe *table, const ouro_str *str, uint64_t *of_dying) {
  if (of_dying) {
    *of_dying = cell_of(str);
    return true;
  }
  if (!reserve(table)) return false;
  put(table, cell_of(str));
  table->count++;
  return true;
}

/* Another thread may have entered one meanwhile: then `made` is not used. */
static ouro_ref enter_or_take(stripe *table, const name *it, ouro_str *made) {
  uint64_t *cell;
  bool locked = lock(table);
  ouro_str *found = take(table, it, &cell);
  bool entered = !found && enter(table, made, cell);
  unlock(table, locked);
  if (entered) return made;
  ouro_decref(made); /* its release finds no cell */
  return found ? found : ouro__fail(OURO_ENOMEM);
}

static ouro_ref look_up(const name *it) {
  uint64_t *cell;
  if (OURO_UNLIKELY(!ouro__attached())) return NULL;
  stripe *table = stripe_of(it->hash);
  bool locked = lock(table);
  ouro_str *found = take(table, it, &cell);
  unlock(table, locked);
  return found;
}

static ouro_ref look_up_or_make(const name *it) {
  ouro_str *made = make(it);
  return made ? enter_or_take(stripe_of(it->hash), it, made) : NULL;
}

/* ---------------------------------------------------------------- the interface */

static bool is_made_once(const char *text, size_t bytes) { return bytes == 0 || (bytes == 1 && (unsigned char)*text < 0x80); }

ouro_ref ouro_intern(void *object) {
  ouro_str *str = object;
  if (!object) return ouro__fail(OURO_EINVAL);
  if (ouro_is_interned(object)) return ouro_newref(object);
  if (!ouro_is_str(object)) return ouro__fail(OURO_ETYPE);
  if (is_made_once(ouro_str_text(str), ouro_str_bytes(str))) return ouro__str_short(ouro_str_text(str), ouro_str_bytes(str));
  name it = {ouro_str_text(str), ouro_str_bytes(str), ouro_str_length(str), ouro__str_hash(str)};
  ouro_ref found = look_up(&it);
  return found ? found : look_up_or_make(&it);
}

/* What is there is known to be UTF-8: only what is made anew is checked. */
ouro_ref ouro_intern_utf8(const char *utf8, size_t bytes) {
  if (bytes && !utf8) return ouro__fail(OURO_EINVAL);
  if (is_made_once(utf8, bytes)) return ouro__str_short(utf8, bytes);
  name it = {utf8, bytes, 0, ouro__str_hash_of(utf8, bytes)};
  ouro_ref found = look_up(&it);
  if (found) return found;
  return ouro__utf8_check(utf8, bytes, &it.points) ? ouro__fail(OURO_EUTF8) : look_up_or_make(&it);
}

ouro_ref ouro_intern_text(const char *text) { return text ? ouro_intern_utf8(text, strlen(text)) : ouro__fail(OURO_EINVAL); }

/* Nobody else counts it: the others stand still, or there are none. */
static void become_immortal_now(ouro_object *object) {
  if (ouro_is_immortal(object)) return;
  ouro__disown(object);
  ouro__set_owner(object, OURO__IMMORTAL);
}

static int become_immortal(void *object) {
  if (ouro_is_immortal(object) || ouro_make_immortal(object) == OURO_OK) return OURO_OK;
  if (ouro__enter_alone()) {
    become_immortal_now(object);
    ouro__leave_alone();
    return OURO_OK;
  }
  if (!ouro__world_stop(0)) return OURO_EBUSY;
  become_immortal_now(object);
  ouro__world_start();
  return OURO_OK;
}

ouro_ref ouro_intern_static(const char *text) {
  ouro_str *str = ouro_intern_text(text);
  int code = str ? become_immortal(str) : OURO_OK;
  if (!code) return str;
  ouro_decref(str);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- figures, the checker, fork */

static size_t sum_of(size_t offset) {
  size_t sum = 0;
  for (unsigned i = 0; i < STRIPES; i++) {
    bool locked = lock(&stripes[i]);
    sum += *(const size_t *)(const void *)((const char *)&stripes[i] + offset);
    unlock(&stripes[i], locked);
  }
  return sum;
}

size_t ouro_interned_count(void) { return sum_of(offsetof(stripe, count)); }
size_t ouro_interned_bytes(void) { return sum_of(offsetof(stripe, places)) * sizeof(uint64_t); }

static const char *check_cell(const stripe *table, size_t at) {
  uint64_t cell = table->cells[at];
  const ouro_str *str = str_of(cell);
  if (!ouro_is_interned(str) || stripe_of(str->ouro__hash) != table || cell_of(str) != cell) return "a cell is of no interned string";
  name it = {ouro_str_text(str), ouro_str_bytes(str), 0, str->ouro__hash};
  if (find(table, &it) != &table->cells[at]) return "I-INTERN-2, 3: a string is not found, or twice there";
  return NULL;
}

static const char *check(const stripe *table) {
  size_t count = 0;
  const char *why = NULL;
  for (size_t at = 0; at < table->places && !why; at++) {
    if (!table->cells[at]) continue;
    count++;
    why = check_cell(table, at);
  }
  if (!why && count != table->count) why = "cells in use are not as many as the stripe says";
  if (!why && table->count > table->places - table->places / 4) why = "I-INTERN-4: a stripe is too full";
  return why;
}

bool ouro__intern_valid(const char **why) {
  for (unsigned i = 0; i < STRIPES; i++) {
    *why = check(&stripes[i]);
    if (*why) return false;
  }
  return true;
}

static void intern_fork(int moment) {
  for (unsigned i = 0; i < STRIPES; i++) {
    if (moment == OURO_FORK_BEFORE_ALL) {
      ouro__acquire(&stripes[i].lock);
    } else if (moment == OURO_FORK_IN_PARENT) {
      ouro__release(&stripes[i].lock);
    } else {
      ouro__lock_reset(&stripes[i].lock);
    }
  }
}

#if defined(__GNUC__)
__attribute__((constructor)) static void start(void) { ouro__intern_at_fork = intern_fork; }
#endif
