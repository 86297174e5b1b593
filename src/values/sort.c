/* values/sort.c - sorting an array of entries: powersort, and a radix sort for numbers that are in no order.
 *
 * Powersort (J. Munro, S. Wild, "Nearly-Optimal Mergesorts: Fast, Practical Sorting Methods That Optimally Adapt to Existing Runs", ESA
 * 2018) is stable: it finds runs that are in order already, makes short ones longer by insertion, and merges neighbours in an order that is
 * next to the best. Two runs are merged by way of a copy of the shorter one, without what is in its place already; where one of them wins
 * many times in a row, the place where it no longer does is searched for (galloping: T. Peters, listsort.txt in CPython).
 *
 * The code below is written once, for a comparison that is given to it, and compiled for each kind of keys with that comparison in line.
 *
 * Numbers that are in order nowhere are sorted digit by digit from the lowest on, which compares nothing; strings by their first eight
 * bytes like numbers, and then those that begin alike by comparing.
 *
 * I-SORT-1  whatever the comparison says, also where it contradicts itself or fails, the entries stay the same ones, in another order
 * I-SORT-2  once it has failed it is not called again, and says that nothing comes before anything */
#include "values/sequence.h"

#include <ouro/str.h>

typedef ouro__entry entry;

typedef struct run {
  size_t begin, count;
  unsigned power; /* of its end: how deep it lies in the tree of merges */
} run;

enum { MOST_RUNS = 8 * sizeof(size_t) + 1 }; /* powers rise along the stack */

typedef struct sorter {
  entry *entries;
  size_t count;
  entry *scratch; /* room for the shorter of two runs; NULL: not needed yet */
  size_t scratch_room;
  size_t skip; /* of strings: where their keys begin */
  int code;
  run runs[MOST_RUNS];
  size_t depth;
} sorter;

typedef bool (*less_fn)(sorter *it, const entry *first, const entry *second);

/* ---------------------------------------------------------------- comparing */

OURO_INLINE bool less_word(sorter *it, const entry *first, const entry *second) {
  (void)it;
  return first->key < second->key;
}

/* The bytes of two strings from `skip` on, where all before are the same. */
static bool rest_is_less(const void *first, const void *second, size_t skip) {
  size_t bytes = ouro_str_bytes(first), others = ouro_str_bytes(second), common = bytes < others ? bytes : others;
  int order = common > skip ? memcmp(ouro_str_text(first) + skip, ouro_str_text(second) + skip, common - skip) : 0;
  return order ? order < 0 : bytes < others;
}

OURO_INLINE bool less_text(sorter *it, const entry *first, const entry *second) {
  if (OURO_LIKELY(first->key != second->key)) return first->key < second->key;
  return rest_is_less(first->item, second->item, it->skip);
}

static void *object_of(const entry *it) { return (void *)(uintptr_t)it->key; }

OURO_INLINE bool less_string(sorter *it, const entry *first, const entry *second) {
  (void)it;
  return rest_is_less(object_of(first), object_of(second), 0);
}

OURO_INLINE bool less_object(sorter *it, const entry *first, const entry *second) {
  int order = 0;
  if (OURO_LIKELY(!it->code)) it->code = ouro_compare(object_of(first), object_of(second), &order);
  return !it->code && order < 0;
}

/* ---------------------------------------------------------------- searching in a run */

/* Does `each` belong before `sought`? Equal ones do where `equal_before`. */
OURO_INLINE bool is_before(sorter *it, const entry *each, const entry *sought, bool equal_before, less_fn less) {
  return equal_before ? !less(it, sought, each) : less(it, each, sought);
}

/* How many of a run belong before `sought`, when those before `low` do, and those from `high` on do not. */
OURO_INLINE size_t search(sorter *it, const entry *in, size_t low, size_t high, const entry *sought, bool equal_before, less_fn less) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (is_before(it, in + middle, sought, equal_before, less)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/* The same, looking in steps that double: from the beginning, or from the end. */
OURO_INLINE size_t gallop(sorter *it, const entry *in, size_t count, const entry *sought, bool equal_before, less_fn less) {
  size_t low = 0, step = 1;
  while (step <= count - low && is_before(it, in + low + step - 1, sought, equal_before, less)) {
    low += step;
    step *= 2;
  }
  size_t high = step <= count - low ? low + step - 1 : count;
  return search(it, in, low, high, sought, equal_before, less);
}

OURO_INLINE size_t gallop_back(sorter *it, const entry *in, size_t count, const entry *sought, bool equal_before, less_fn less) {
  size_t high = count, step = 1;
  while (step <= high && !is_before(it, in + high - step, sought, equal_before, less)) {
    high -= step;
    step *= 2;
  }
  size_t low = step <= high ? high - step + 1 : 0;
  return search(it, in, low, high, sought, equal_before, less);
}

/* ---------------------------------------------------------------- merging two runs side by side */

enum { GALLOP_FROM = 8 }; /* wins in a row */

static bool need_scratch(sorter *it, size_t room) {
  if (room <= it->scratch_room) return true;
  ouro_free(it->scratch);
  it->scratch = ouro_malloc(room * sizeof *it->scratch);
  it->scratch_room = it->scratch ? room : 0;
  if (!it->scratch && !it->code) it->code = OURO_ENOMEM;
  return it->scratch;
}

/* What is merged: what is left of the run that was copied, and of the one in place; and where the next one goes. */
typedef struct merger {
  entry *copy, *copy_end;
  entry *place, *place_end;
  entry *to;
} merger;

static void move_forward(entry **to, entry **from, size_t count) {
  memmove(*to, *from, count * sizeof **to);
  *to += count;
  *from += count;
}

/* One after the other, until one side has won often in a row; false: one side is at its end. The copy is the left run. */
OURO_INLINE bool step_forward(sorter *it, merger *m, less_fn less) {
  size_t copies = 0, places = 0;
  while (copies < GALLOP_FROM && places < GALLOP_FROM) {
    if (less(it, m->place, m->copy)) {
      *m->to++ = *m->place++;
      places++, copies = 0;
      if (m->place == m->place_end) return false;
    } else {
      *m->to++ = *m->copy++;
      copies++, places = 0;
      if (m->copy == m->copy_end) return false;
    }
  }
  return true;
}

OURO_INLINE bool gallop_forward(sorter *it, merger *m, less_fn less) {
  size_t copies, places;
  do {
    copies = gallop(it, m->copy, (size_t)(m->copy_end - m->copy), m->place, true, less);
    move_forward(&m->to, &m->copy, copies);
    if (m->copy == m->copy_end) return false;
    *m->to++ = *m->place++;
    if (m->place == m->place_end) return false;
    places = gallop(it, m->place, (size_t)(m->place_end - m->place), m->copy, false, less);
    move_forward(&m->to, &m->place, places);
    if (m->place == m->place_end) return false;
    *m->to++ = *m->copy++;
    if (m->copy == m->copy_end) return false;
  } while (copies >= GALLOP_FROM || places >= GALLOP_FROM);
  return true;
}

/* The left run is the shorter one. */
OURO_INLINE void merge_forward(sorter *it, entry *left, size_t count, entry *right, size_t others, less_fn less) {
  memcpy(it->scratch, left, count * sizeof *left);
  merger m = {it->scratch, it->scratch + count, right, right + others, left};
  while (step_forward(it, &m, less) && gallop_forward(it, &m, less)) {
  }
  memcpy(m.to, m.copy, (size_t)(m.copy_end - m.copy) * sizeof *left);
}

/* The same from the end, where the copy is the right run; `copy` and `place` are the beginnings, `..._end` and `to` move down. */
static void move_back(entry **to, entry **from_end, size_t count) {
  *to -= count;
  *from_end -= count;
  memmove(*to, *from_end, count * sizeof **to);
}

OURO_INLINE bool step_back(sorter *it, merger *m, less_fn less) {
  size_t copies = 0, places = 0;
  while (copies < GALLOP_FROM && places < GALLOP_FROM) {
    if (less(it, m->copy_end - 1, m->place_end - 1)) {
      *--m->to = *--m->place_end;
      places++, copies = 0;
      if (m->place == m->place_end) return false;
    } else {
      *--m->to = *--m->copy_end;
      copies++, places = 0;
      if (m->copy == m->copy_end) return false;
    }
  }
  return true;
}

OURO_INLINE bool gallop_back_both(sorter *it, merger *m, less_fn less) {
  size_t copies, places, count;
  do {
    count = (size_t)(m->place_end - m->place);
    places = count - gallop_back(it, m->place, count, m->copy_end - 1, true, less);
    move_back(&m->to, &m->place_end, places);
    if (m->place == m->place_end) return false;
    *--m->to = *--m->copy_end;
    if (m->copy == m->copy_end) return false;
    count = (size_t)(m->copy_end - m->copy);
    copies = count - gallop_back(it, m->copy, count, m->place_end - 1, false, less);
    move_back(&m->to, &m->copy_end, copies);
    if (m->copy == m->copy_end) return false;
    *--m->to = *--m->place_end;
    if (m->place == m->place_end) return false;
  } while (copies >= GALLOP_FROM || places >= GALLOP_FROM);
  return true;
}

OURO_INLINE void merge_back(sorter *it, entry *left, size_t count, entry *right, size_t others, less_fn less) {
  memcpy(it->scratch, right, others * sizeof *right);
  merger m = {it->scratch, it->scratch + others, left, left + count, right + others};
  while (step_back(it, &m, less) && gallop_back_both(it, &m, less)) {
  }
  memcpy(m.to - (m.copy_end - m.copy), m.copy, (size_t)(m.copy_end - m.copy) * sizeof *left);
}

/* What is not after the first of the right run, and not before the last of the left one, is in its place. */
OURO_INLINE void merge(sorter *it, entry *left, size_t count, entry *right, size_t others, less_fn less) {
  size_t in_place = gallop(it, left, count, right, true, less);
  left += in_place;
  count -= in_place;
  if (!count) return;
  others = gallop_back(it, right, others, left + count - 1, false, less);
  if (!others || !need_scratch(it, count < others ? count : others)) return;
  if (count <= others) {
    merge_forward(it, left, count, right, others, less);
  } else {
    merge_back(it, left, count, right, others, less);
  }
}

/* ---------------------------------------------------------------- runs */

enum { SHORT_RUN = 24 };

static void turn_round(entry *entries, size_t count) {
  for (size_t i = 0, j = count; i + 1 < j; i++) {
    entry other = entries[--j];
    entries[j] = entries[i];
    entries[i] = other;
  }
}

/* How many are in order from the beginning on; those that fall all the way are turned round. */
OURO_INLINE size_t run_at(sorter *it, entry *entries, size_t count, less_fn less) {
  size_t length = 2;
  if (count < 2) return count;
  if (less(it, entries + 1, entries)) {
    while (length < count && less(it, entries + length, entries + length - 1)) length++;
    turn_round(entries, length);
  } else {
    while (length < count && !less(it, entries + length, entries + length - 1)) length++;
  }
  return length;
}

/* The first `sorted` are in order; the others are put among them. */
OURO_INLINE void insert_others(sorter *it, entry *entries, size_t sorted, size_t count, less_fn less) {
  for (; sorted < count; sorted++) {
    entry each = entries[sorted];
    size_t at = search(it, entries, 0, sorted, &each, true, less);
    memmove(entries + at + 1, entries + at, (sorted - at) * sizeof *entries);
    entries[at] = each;
  }
}

/* Of the boundary between two neighbours: the first bit in which the middles of the two, as parts of the whole, differ. */
static unsigned power_between(const run *left, const run *right, size_t whole) {
  size_t first = 2 * left->begin + left->count, second = 2 * right->begin + right->count;
  unsigned power = 0;
  for (;; power++) {
    bool first_bit = first >= whole, second_bit = second >= whole;
    if (first_bit != second_bit) return power;
    if (first_bit) first -= whole, second -= whole;
    first *= 2;
    second *= 2;
  }
}

OURO_INLINE void merge_top(sorter *it, entry *entries, less_fn less) {
  run *left = &it->runs[it->depth - 2];
  const run *right = left + 1;
  merge(it, entries + left->begin, left->count, entries + right->begin, right->count, less);
  left->count += right->count;
  it->depth--;
}

OURO_INLINE void powersort(sorter *it, entry *entries, size_t count, less_fn less) {
  it->depth = 0;
  for (size_t begin = 0; begin < count && it->code != OURO_ENOMEM;) {
    size_t left = count - begin, length = run_at(it, entries + begin, left, less), least = left < SHORT_RUN ? left : SHORT_RUN;
    if (length < least) {
      insert_others(it, entries + begin, length, least, less);
      length = least;
    }
    run next = {begin, length, 0};
    if (it->depth) {
      unsigned power = power_between(&it->runs[it->depth - 1], &next, count);
      while (it->depth > 1 && it->runs[it->depth - 2].power > power) merge_top(it, entries, less);
      it->runs[it->depth - 1].power = power;
    }
    OURO_INVARIANT(it->depth < MOST_RUNS);
    it->runs[it->depth++] = next;
    begin += length;
  }
  while (it->depth > 1 && it->code != OURO_ENOMEM) merge_top(it, entries, less);
}

static OURO_NOINLINE void sort_by_words(sorter *it, entry *entries, size_t count) { powersort(it, entries, count, less_word); }
static OURO_NOINLINE void sort_by_texts(sorter *it, entry *entries, size_t count) { powersort(it, entries, count, less_text); }
static OURO_NOINLINE void sort_by_strings(sorter *it, entry *entries, size_t count) { powersort(it, entries, count, less_string); }
static OURO_NOINLINE void sort_by_objects(sorter *it, entry *entries, size_t count) { powersort(it, entries, count, less_object); }

/* ---------------------------------------------------------------- by digits */

enum {
  RADIX_FROM = 512, /* entries; fewer are sorted faster by comparing */
  DIGIT_MOST = 11,  /* bits: a table of 2,048 places stays in the first cache */
};

/* Sort `from` into `to` by `bits` bits of the key from bit `shift` on. */
static void sort_digit(const entry *from, entry *to, size_t count, unsigned shift, unsigned bits) {
  size_t places[1 << DIGIT_MOST] = {0}, sum = 0, mask = ((size_t)1 << bits) - 1;
  for (size_t i = 0; i < count; i++) places[from[i].key >> shift & mask]++;
  for (size_t digit = 0; digit <= mask; digit++) {
    size_t here = places[digit];
    places[digit] = sum;
    sum += here;
  }
  for (size_t i = 0; i < count; i++) to[places[from[i].key >> shift & mask]++] = from[i];
}

/* The bits in which any two keys differ. */
static uint64_t bits_that_differ(const entry *entries, size_t count) {
  uint64_t bits = 0;
  for (size_t i = 1; i < count; i++) bits |= entries[i].key ^ entries[0].key;
  return bits;
}

/* By the keys alone. */
static void sort_by_digits(sorter *it) {
  uint64_t differ = bits_that_differ(it->entries, it->count);
  if (!differ || !need_scratch(it, it->count)) return;
  unsigned low = ouro__ctz64(differ), high = ouro__log2(differ) + 1;
  unsigned passes = (high - low + DIGIT_MOST - 1) / DIGIT_MOST, bits = (high - low + passes - 1) / passes;
  entry *from = it->entries, *to = it->scratch;
  for (; low < high; low += bits) {
    unsigned here = high - low < bits ? high - low : bits;
    if (!(differ >> low & (((uint64_t)1 << here) - 1))) continue;
    sort_digit(from, to, it->count, low, here);
    entry *other = from;
    from = to;
    to = other;
  }
  if (from != it->entries) memcpy(it->entries, from, it->count * sizeof *from);
}

/* How many are smaller than the one before them: next to none, or next to all, where there are few runs. */
OURO_INLINE size_t falls_in(sorter *it, less_fn less) {
  size_t falls = 0;
  for (size_t i = 1; i < it->count; i++) falls += less(it, it->entries + i, it->entries + i - 1);
  return falls;
}

static bool has_few_runs(const sorter *it, size_t falls, size_t per_run) {
  return falls <= it->count / per_run || falls >= it->count - it->count / per_run;
}

static int sort_words(sorter *it) {
  size_t falls = falls_in(it, less_word);
  if (!falls) return OURO__SORT_WAS;
  if (it->count < RADIX_FROM || has_few_runs(it, falls, 64)) {
    sort_by_words(it, it->entries, it->count);
  } else {
    sort_by_digits(it);
  }
  return it->code;
}

/* Strings whose first bytes say their order but where they are the same. */
static void sort_alike(sorter *it) {
  for (size_t i = 0, end; i < it->count; i = end) {
    for (end = i + 1; end < it->count && it->entries[end].key == it->entries[i].key;) end++;
    if (end > i + 1) sort_by_texts(it, it->entries + i, end - i);
  }
}

static int sort_texts(sorter *it) {
  size_t falls = falls_in(it, less_text);
  if (!falls) return OURO__SORT_WAS;
  if (it->count < RADIX_FROM || has_few_runs(it, falls, 16)) {
    sort_by_texts(it, it->entries, it->count);
  } else {
    sort_by_digits(it);
    if (!it->code) sort_alike(it);
  }
  return it->code;
}

/* ---------------------------------------------------------------- the one entry */

/* Eight bytes as a number, the first one the highest. */
static inline uint64_t load_bytes(const char *text) {
  uint64_t word;
  memcpy(&word, text, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return word;
#else
  word = (word & UINT64_C(0x00ff00ff00ff00ff)) << 8 | (word >> 8 & UINT64_C(0x00ff00ff00ff00ff));
  word = (word & UINT64_C(0x0000ffff0000ffff)) << 16 | (word >> 16 & UINT64_C(0x0000ffff0000ffff));
  return word << 32 | word >> 32;
#endif
}

/* Of a string of fewer than eight bytes eight are read all the same: blocks are a multiple of 16 bytes, and its text begins with the third
 * of those. */
_Static_assert(sizeof(ouro_str) % 16 == 0, "the text begins where 16 bytes begin");

uint64_t ouro__text_key(const void *string, size_t skip) {
  const char *text = ouro_str_text(string);
  size_t bytes = ouro_str_bytes(string), left = bytes - skip;
  if (bytes <= skip) return 0;
  if (left >= 8) return load_bytes(text + skip);
  if (bytes >= 8) return load_bytes(text + bytes - 8) << 8 * (8 - left);
  return load_bytes(text) >> 8 * (8 - bytes) << 8 * (8 - left);
}

int ouro__sort(ouro__entry *entries, size_t count, ouro__order order, size_t skip) {
  sorter it = {.entries = entries, .count = count, .skip = skip};
  int code = OURO_OK;
  switch (order) {
    case OURO__ORDER_WORDS: code = sort_words(&it); break;
    case OURO__ORDER_TEXTS: code = sort_texts(&it); break;
    case OURO__ORDER_STRINGS: sort_by_strings(&it, entries, count); break;
    case OURO__ORDER_OBJECTS: sort_by_objects(&it, entries, count); break;
  }
  ouro_free(it.scratch);
  return it.code ? it.code : code;
}
