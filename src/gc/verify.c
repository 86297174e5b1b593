/* gc/verify.c - the checker of all objects: every header, every reference, every count, every byte of state.
 *
 * It keeps a table of its own of all live objects, and counts there: so it can be called at any time, also inside a collection, and it
 * does not rest on what it checks. The world is stopped meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "gc/gc.h"

typedef struct known {
  ouro_object *object;
  uint64_t found; /* references from objects */
} known;

typedef struct verifier {
  ouro_visitor visitor; /* first: visit functions' visitors find the verifier by it */
  known *table;
  size_t mask, count;
  bool failed; /* no memory */
  size_t wrong;
  char *text;
  size_t text_size;
  ouro_object *from;      /* whose references are looked at */
  uintptr_t **words;      /* where they are, sorted later */
  size_t words_count, words_room;
  uint64_t sum, again;    /* of what its references are, in this visit and the next */
} verifier;

static void complain(verifier *it, const char *what, const void *where, const ouro_object *of) {
  if (it->wrong++ > 0 || !it->text || !it->text_size) return;
  ouro__text text = {it->text, it->text_size - 1};
  ouro__text_str(&text, what);
  ouro__text_str(&text, ": ");
  ouro__text_hex(&text, (uintptr_t)where);
  if (of && ouro_type_of(of)) {
    ouro__text_str(&text, of == where ? ", a " : ", in a ");
    ouro__text_str(&text, ouro_type_of(of)->name);
  }
}

/* ---------------------------------------------------------------- the table */

static known *place_of(known *table, size_t mask, const void *object) {
  size_t at = (size_t)((uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15) >> 22) & mask;
  while (table[at].object && table[at].object != object) at = (at + 1) & mask;
  return &table[at];
}

static bool grow(verifier *it) {
  size_t places = it->table ? (it->mask + 1) * 2 : 1024;
  known *table = ouro_calloc(places, sizeof *table);
  if (!table) return false;
  for (size_t i = 0; it->table && i <= it->mask; i++) {
    if (it->table[i].object) *place_of(table, places - 1, it->table[i].object) = it->table[i];
  }
  ouro_free(it->table);
  it->table = table;
  it->mask = places - 1;
  return true;
}

static int learn(void *object, void *arg) {
  verifier *it = arg;
  if ((!it->table || it->count * 2 > it->mask) && !grow(it)) {
    it->failed = true;
    return 1;
  }
  it->count++;
  place_of(it->table, it->mask, object)->object = object;
  return 0;
}

/* ---------------------------------------------------------------- references */

static bool is_known(const verifier *it, const void *object) { return it->table && place_of(it->table, it->mask, object)->object; }

static bool may_be_static(const void *object) {
  bool sane = (uintptr_t)object % 8 == 0 && (uintptr_t)object >= 65536 && (uintptr_t)object >> 47 == 0;
  return sane && ouro__unit_number(object) >= ouro__hot_units && ouro_is_immortal(object);
}

/* Condemned by the collection that runs just now, and hidden from walks. */
static bool is_condemned(const void *object) {
  const uint8_t *state = ouro__gc_has_condemned() ? ouro__state(object) : NULL;
  return state && *state == OURO_STATE_TRASH;
}

static void remember(verifier *it, uintptr_t *word) {
  if (it->words_count == it->words_room) {
    size_t room = it->words_room ? it->words_room * 2 : 64;
    uintptr_t **words = ouro_realloc(it->words, room * sizeof *words);
    if (!words) {
      it->failed = true;
      return;
    }
    it->words = words;
    it->words_room = room;
  }
  it->words[it->words_count++] = word;
}

static void check_reference(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  verifier *it = (verifier *)(void *)visitor;
  (void)empty;
  it->sum += (uintptr_t)word ^ ((uintptr_t)object * 3);
  if (word) remember(it, word); /* the keeper's is in none */
  if (is_known(it, object)) {
    place_of(it->table, it->mask, object)->found++;
  } else if (!may_be_static(object) && !is_condemned(object)) {
    complain(it, "a reference to what is no live object", object, it->from);
  }
}

static void sum_reference(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  verifier *it = (verifier *)(void *)visitor;
  (void)empty;
  it->again += (uintptr_t)word ^ ((uintptr_t)object * 3);
}

static int by_address(const void *a, const void *b) {
  const uintptr_t *left = *(uintptr_t *const *)a, *right = *(uintptr_t *const *)b;
  return left < right ? -1 : left > right;
}

static void check_references(verifier *it, ouro_object *object) {
  it->from = object;
  it->words_count = 0;
  it->sum = it->again = 0;
  uint32_t count = object->ouro__count;
  int32_t made = ouro__at.made;
  it->visitor.visit = check_reference;
  ouro__visit_all(object, &it->visitor);
  if (!(ouro__traits(object) & OURO_D_VISIT)) return;
  it->visitor.visit = sum_reference;
  ouro__visit_all(object, &it->visitor);
  if (it->sum != it->again) complain(it, "a visit function shows other references when it is called again", object, object);
  if (count != object->ouro__count || made != ouro__at.made) complain(it, "a visit function counts or allocates", object, object);
  if (it->words_count > 1) qsort(it->words, it->words_count, sizeof *it->words, by_address);
  for (size_t i = 1; i < it->words_count; i++) {
    if (it->words[i] == it->words[i - 1]) complain(it, "a visit function shows a slot twice", it->words[i], object);
  }
}

/* ---------------------------------------------------------------- headers and states */

static bool is_listed(const ouro_object *object, unsigned list) {
  return ouro__hot_sides[ouro__unit_number(object)].listed >> list & 1;
}

static const char *wrong_state(const ouro_object *object, uint8_t state) {
  if (!ouro__has(object, OURO_TRACKED)) {
    /* What was untracked since the last look at it may still say so. */
    return state >= OURO_STATE_TRASH && state != OURO_STATE_NONE ? NULL : "an untracked object with a state of the collector's";
  }
  if (state == OURO_STATE_UNTRACKED && object->ouro__shared & OURO_S_CONFINED) {
    return ouro__confined_is_listed(object) ? NULL : "I-CONF-1: a young confined object in no list";
  }
  if (state == OURO_STATE_UNTRACKED || state == OURO_STATE_NONE) return "I-OBJ-2: a tracked object without a state";
  if (state == OURO_STATE_YOUNG && !is_listed(object, 0)) return "I-OBJ-3: a young object whose unit is not listed";
  if (state == OURO_STATE_MIDDLE && !is_listed(object, 1)) return "I-OBJ-3: a middle-aged object whose unit is not listed";
  return NULL;
}

static bool is_owner(unsigned owner) {
  bool other = owner == OURO__IMMORTAL || owner == OURO__DEFERRED || owner == OURO__MERGED;
  return other || (owner >= 1 && owner <= ouro__load_relaxed(&ouro__threads_top));
}

/* What is wrong with the flags of `shared`; NULL: nothing. */
static const char *wrong_flags(const ouro_object *object) {
  uint32_t shared = object->ouro__shared;
  unsigned owner = ouro__owner(object);
  bool counts_there = owner != OURO__IMMORTAL && owner != OURO__DEFERRED;
  if (counts_there && (owner == OURO__MERGED) != ((shared & OURO_S_MERGED) != 0))
    return "an object that is merged, and does not say so, or says so, and is not";
  if (shared & OURO_S_QUEUED && owner == OURO__MERGED) return "a merged object in a queue";
  if (ouro__has(object, OURO_WEAK) && !(shared & OURO_S_WATCHED)) return "I-OBJ-5: an object with weak references that is not watched";
  return NULL;
}

static void check_object(verifier *it, ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  const uint8_t *state = ouro__state(object);
  if (!type || !(type->ouro__derived.flags & OURO_D_READY)) {
    complain(it, "an object whose type is none", object, NULL);
    return;
  }
  if (!is_owner(ouro__owner(object))) complain(it, "an object whose owner is none", object, object);
  bool tracked = ouro__has(object, OURO_TRACKED);
  if (tracked && !(type->ouro__derived.flags & OURO_D_CONTAINER)) complain(it, "a tracked object of an acyclic type", object, object);
  const char *why = state ? wrong_state(object, *state) : NULL;
  if (why) complain(it, why, object, object);
  if (ouro_is_deferred(object) && !ouro__deferred_known(object)) complain(it, "a deferred object that nobody counts", object, object);
  if (!ouro_is_deferred(object) && ouro__held(object) <= 0) complain(it, "a live object that nobody counts", object, object);
  if (ouro__has(object, OURO_WEAK) && !ouro__weak_known(object)) {
    complain(it, "I-OBJ-4: an object says that there are weak references to it", object, object);
  }
  const char *flags = wrong_flags(object);
  if (flags) complain(it, flags, object, object);
  /* Of what a running collection has condemned, some may be gone already. */
  if (!(state && *state == OURO_STATE_TRASH)) check_references(it, object);
}

/* Also where no object is: the next collection goes by the bytes. */
static void check_states(verifier *it) {
  for (size_t unit = ouro__first_unit(OURO_SCOPE_ALL); unit != OURO_UNIT_END; unit = ouro__next_unit(OURO_SCOPE_ALL, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      if (side->state[i] > OURO_STATE_TRASH) continue;
      const ouro_object *object = ouro__object_at(unit, side, i);
      complain(it, "a state that only a collection gives", object, ouro__is_live(object) ? object : NULL);
    }
  }
}

static void check_counts(verifier *it) {
  for (size_t i = 0; it->table && i <= it->mask; i++) {
    const known *each = &it->table[i];
    if (!each->object || (int64_t)each->found <= ouro__held(each->object)) continue;
    complain(it, "an object with more references than were counted", each->object, each->object);
  }
}

static void check_all(verifier *it) {
  const char *why = NULL;
  const void *where = NULL;
  ouro_each_object(learn, it);
  for (size_t i = 0; it->table && i <= it->mask && !it->failed; i++) {
    if (it->table[i].object) check_object(it, it->table[i].object);
  }
  if (!it->failed) check_counts(it);
  if (!ouro__gc_has_condemned()) check_states(it);
  if (!ouro__weak_valid(&why, &where)) complain(it, why, where, NULL);
  if (!ouro__deferred_valid(&why, &where)) complain(it, why, where, NULL);
}

size_t ouro_gc_verify(char *text, size_t text_size) {
  verifier it = {.text = text, .text_size = text_size};
  if (text && text_size) *text = 0;
  int result = ouro__look_begin();
  if (result) {
    complain(&it,
             result == OURO_EPERM ? "this is a second thread, under OURO_CONF=threads:1"
                                  : "a thread did not come to a safepoint in time",
             NULL, NULL);
    return SIZE_MAX;
  }
  check_all(&it);
  ouro__look_end();
  if (it.failed && !it.wrong) {
    complain(&it, "not all could be looked at: no memory", NULL, NULL);
    it.wrong = SIZE_MAX;
  }
  ouro_free(it.table);
  ouro_free(it.words);
  return it.wrong;
}
