/* object/each.c - who is there: a walk over all objects, and what can be counted on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "object/object.h"

/* ---------------------------------------------------------------- the walk */

_Atomic bool ouro__sweeping;

typedef struct walk {
  ouro_object_fn visit;
  void *arg;
} walk;

static int show_if_live(void *block, void *arg) {
  const walk *state = arg;
  return ouro__is_live(block) && state->visit(block, state->arg) ? OURO_ESTOP : 0;
}

static int walk_side(size_t unit, walk *state) {
  const ouro__side *side = &ouro__hot_sides[unit];
  bool sweeping = ouro__load_relaxed(&ouro__sweeping);
  for (unsigned number = 0; side->state && number < side->numbers; number++) {
    if (side->state[number] == OURO_STATE_NONE || (sweeping && side->state[number] == OURO_STATE_TRASH)) continue;
    int result = show_if_live(ouro__unit_start(unit) + (size_t)number * side->size, state);
    if (result) return result;
  }
  return 0;
}

/* The other threads stand still. */
static int walk_all(walk *state) {
  for (size_t unit = 0; unit < ouro__units_end(); unit++) {
    int result = ouro__hot_sides[unit].state ? walk_side(unit, state) : ouro__each_acyclic_block(unit, show_if_live, state);
    if (result) return result;
  }
  return 0;
}

static int look_begin(void) {
  if (!ouro__attached()) return OURO_EPERM;
  if (!ouro__world_stop(0)) return OURO_EBUSY;
  ouro__confined_join_all(); /* each in the generation that it is in */
  return OURO_OK;
}

int ouro_each_object(ouro_object_fn visit, void *arg) {
  walk state = {visit, arg};
  if (!visit) return OURO_EINVAL;
  int result = look_begin();
  if (result) return result;
  result = walk_all(&state);
  ouro__world_start();
  return result;
}

/* ---------------------------------------------------------------- by type */

typedef struct census {
  ouro_type_stats *types; /* open addressing by the type's address, at most half full */
  size_t places, count;
  bool with_immortals, failed;
  size_t objects, bytes;
} census;

static ouro_type_stats *place_for(ouro_type_stats *types, size_t places, const ouro_type *type) {
  size_t at = (size_t)((uintptr_t)type >> 4) * 31 & (places - 1);
  while (types[at].type && types[at].type != type) at = (at + 1) & (places - 1);
  return &types[at];
}

static bool grow(census *all) {
  size_t places = all->places ? all->places * 2 : 64;
  ouro_type_stats *types = ouro_calloc(places, sizeof *types);
  if (!types) return false;
  for (size_t i = 0; i < all->places; i++) {
    if (all->types[i].type) *place_for(types, places, all->types[i].type) = all->types[i];
  }
  ouro_free(all->types);
  all->types = types;
  all->places = places;
  return true;
}

static int count_object(void *object, void *arg) {
  census *all = arg;
  const ouro_type *type = ouro_type_of(object);
  if (!all->with_immortals && ouro_is_immortal(object)) return 0;
  if (all->count * 2 >= all->places && !grow(all)) {
    all->failed = true;
    return 1;
  }
  ouro_type_stats *it = place_for(all->types, all->places, type);
  if (!it->type) {
    all->count++;
    it->type = type;
    it->name = type->name;
  }
  size_t bytes = ouro_object_size(object);
  const uint8_t *state = ouro__state(object);
  it->objects++;
  it->bytes += bytes;
  if (state && *state >= OURO_STATE_OLD && ouro__has(object, OURO_TRACKED)) it->generation[OURO_STATE_YOUNG - *state]++;
  all->objects++;
  all->bytes += bytes;
  return 0;
}

static int more_bytes_first(const void *a, const void *b) {
  const ouro_type_stats *left = a, *right = b;
  if (left->bytes != right->bytes) return left->bytes < right->bytes ? 1 : -1;
  return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

/* The entries side by side and in order. 0, or a code. */
static int take_census(census *all) {
  int result = ouro_each_object(count_object, all);
  size_t count = 0;
  for (size_t i = 0; i < all->places; i++) {
    if (all->types[i].type) all->types[count++] = all->types[i];
  }
  if (count) qsort(all->types, count, sizeof *all->types, more_bytes_first);
  return all->failed ? OURO_ENOMEM : result;
}

size_t ouro_type_stats_get(ouro_type_stats *stats, size_t room) {
  census all = {.with_immortals = true};
  int result = take_census(&all);
  size_t count = result ? 0 : all.count;
  for (size_t i = 0; i < count && i < room; i++) stats[i] = all.types[i];
  ouro_free(all.types);
  if (result) errno = result == OURO_ENOMEM ? ENOMEM : result == OURO_EPERM ? EPERM : EBUSY;
  return count;
}

/* ---------------------------------------------------------------- what was not released
 *
 * Of each type a few objects are looked at more closely: who refers to them. One walk finds that for all. */

enum { SAMPLES_OF_TYPE = 3, SAMPLES = 48, HOLDERS = 3, PLACES = 128 };

typedef struct sample {
  void *object;
  size_t found;             /* references from objects */
  void *holders[HOLDERS];
} sample;

typedef struct report {
  ouro_visitor visitor; /* first: the visit function finds the report by it */
  int (*write)(void *, const char *, size_t);
  void *arg;
  int failed;
  void *from; /* whose references are looked at */
  census all;
  size_t samples;
  sample sample[SAMPLES];
  uint8_t place[PLACES]; /* of a sample, plus 1, by address */
} report;

static void say(report *state, const char *text) {
  if (!state->failed) state->failed = state->write(state->arg, text, strlen(text));
}

static void say_number(report *state, uint64_t number, size_t width) {
  char digits[64];
  ouro__text text = {digits, sizeof digits - 1};
  *digits = 0;
  ouro__text_num(&text, number);
  for (size_t length = strlen(digits); length < width; length++) say(state, " ");
  say(state, digits);
}

static void say_object(report *state, const void *object) {
  char address[64];
  ouro__text text = {address, sizeof address - 1};
  ouro__text_hex(&text, (uintptr_t)object);
  say(state, ouro_type_of(object)->name);
  say(state, " at ");
  say(state, address);
}

static uint8_t *sample_place(report *state, const void *object) {
  size_t at = ((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 57;
  while (state->place[at] && state->sample[state->place[at] - 1].object != object) at = (at + 1) % PLACES;
  return &state->place[at];
}

/* Samples of the first types: how many a type has already, its entry of the census tells in `generation`, which is not used here. */
static int choose(void *object, void *arg) {
  report *state = arg;
  if (ouro_is_immortal(object)) return 0;
  for (size_t i = 0; i < state->all.count; i++) {
    ouro_type_stats *it = &state->all.types[i];
    if (it->type != ouro_type_of(object)) continue;
    if (it->generation[0]++ >= SAMPLES_OF_TYPE || i * SAMPLES_OF_TYPE >= SAMPLES) return 0;
    break;
  }
  state->sample[state->samples].object = object;
  *sample_place(state, object) = (uint8_t)++state->samples;
  return state->samples == SAMPLES;
}

static void note_reference(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  report *state = (report *)(void *)visitor;
  uint8_t place = *sample_place(state, object);
  (void)word;
  (void)empty;
  if (!place) return;
  sample *it = &state->sample[place - 1];
  if (it->found < HOLDERS) it->holders[it->found] = state->from;
  it->found++;
}

static int look_for_samples(void *object, void *arg) {
  report *state = arg;
  state->from = object;
  ouro__visit_all(object, &state->visitor);
  return 0;
}

static void write_types(report *state) {
  say(state, "ouro: ");
  say_number(state, state->all.objects, 0);
  say(state, state->all.objects == 1 ? " object alive, " : " objects alive, ");
  say_number(state, state->all.bytes, 0);
  say(state, " bytes\n     objects        bytes  type\n");
  for (size_t i = 0; i < state->all.count; i++) {
    say_number(state, state->all.types[i].objects, 12);
    say_number(state, state->all.types[i].bytes, 13);
    say(state, "  ");
    say(state, state->all.types[i].name);
    say(state, "\n");
  }
}

static void write_sample(report *state, const sample *it) {
  size_t count = ouro_refcount(it->object);
  say_object(state, it->object);
  say(state, ", ");
  say_number(state, count, 0);
  say(state, count == 1 ? " reference:" : " references:");
  for (size_t i = 0; i < it->found && i < HOLDERS; i++) {
    say(state, i ? ", " : " from ");
    say_object(state, it->holders[i]);
  }
  if (it->found > HOLDERS) {
    say(state, ", and ");
    say_number(state, it->found - HOLDERS, 0);
    say(state, " more");
  }
  if (count > it->found) {
    say(state, it->found ? ", and " : " ");
    say_number(state, count - it->found, 0);
    say(state, " from no object (a variable, or forgotten)");
  }
  say(state, "\n");
}

static ptrdiff_t write_report(report *state) {
  int failed = take_census(&state->all);
  ptrdiff_t result = failed ? failed : (ptrdiff_t)state->all.objects;
  if (result > 0) {
    for (size_t i = 0; i < state->all.count; i++) state->all.types[i].generation[0] = 0;
    write_types(state);
    ouro_each_object(choose, state);
    ouro_each_object(look_for_samples, state);
    for (size_t i = 0; i < state->samples; i++) write_sample(state, &state->sample[i]);
  }
  return state->failed ? OURO_ESTOP : result;
}

/* All of it about one moment: the other threads stand still from beginning to end. */
ptrdiff_t ouro_leaks_report(int (*write)(void *arg, const char *text, size_t length), void *arg) {
  if (!write) return OURO_EINVAL;
  ptrdiff_t result = look_begin();
  if (result) return result;
  report *state = ouro_calloc(1, sizeof *state);
  if (state) {
    *state = (report){.visitor = {note_reference}, .write = write, .arg = arg};
    result = write_report(state);
    ouro_free(state->all.types);
    ouro_free(state);
  } else {
    result = OURO_ENOMEM;
  }
  ouro__world_start();
  return result;
}
