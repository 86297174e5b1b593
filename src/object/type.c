/* object/type.c - types: checked once, and what can be known of them written down beside them. */
#include <errno.h>
#include <string.h>

#include "object/object.h"

enum { SIZE_MOST = 1 << 30, BASES_MOST = 64, FAST_MOST = 256 };

/* Looking at a type for the first time. */
static ouro__lock lock = OURO_LOCK_INIT(OURO_RANK_TYPES);

void ouro__types_fork(int moment) {
  if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&lock);
  if (moment == OURO_FORK_IN_PARENT) ouro__release(&lock);
  if (moment == OURO_FORK_IN_CHILD) ouro__lock_reset(&lock);
}

/* Written last, when all that they promise is there. */
static ouro__atomic32 *flags_of(ouro_type *type) { return (ouro__atomic32 *)&type->ouro__derived.flags; }
static ouro__atomic32 *fast_of(ouro_type *type) { return (ouro__atomic32 *)&type->ouro__derived.fast; }

/* ---------------------------------------------------------------- checking */

typedef struct checker {
  const ouro_type *type;
  const char *why; /* NULL: all is well */
} checker;

static void complain(checker *state, const char *why) {
  if (!state->why) state->why = why;
}

static void check_slot(checker *state, uint32_t offset) {
  const ouro_type *type = state->type;
  size_t least = type->item_size ? sizeof(ouro_var) : sizeof(ouro_object);
  if (offset < least) complain(state, "an owned slot lies over the header");
  if (offset > type->size || type->size - offset < sizeof(void *)) complain(state, "an owned slot lies outside the size");
  if (offset % sizeof(void *)) complain(state, "an owned slot is misaligned");
}

static size_t count_of(const uint32_t *references) {
  size_t count = 0;
  while (references && references[count] != UINT32_MAX) count++;
  return count;
}

/* How often the offset stands in the lists of the type and its bases. */
static unsigned times_listed(const ouro_type *type, uint32_t offset) {
  unsigned times = 0;
  for (; type; type = type->base) {
    for (size_t i = 0, count = count_of(type->references); i < count; i++) times += type->references[i] == offset;
  }
  return times;
}

static void check_references(checker *state) {
  const uint32_t *references = state->type->references;
  for (size_t i = 0; i < count_of(references); i++) {
    check_slot(state, references[i]);
    if (times_listed(state->type, references[i]) > 1) complain(state, "an owned slot is listed twice");
  }
}

static void check_items(checker *state) {
  const ouro_type *type = state->type;
  bool owned = type->flags & OURO_TYPE_ITEMS;
  if (!type->item_size) {
    if (owned) complain(state, "items are owned references, and there are none: item_size is 0");
    return;
  }
  if (type->size < sizeof(ouro_var)) complain(state, "with items, the fixed part begins with an ouro_var");
  if (owned && type->item_size != sizeof(void *)) complain(state, "items that are owned references have the size of a pointer");
  if (owned && type->size % sizeof(void *)) complain(state, "items that are owned references would be misaligned");
}

static void check_base(checker *state) {
  const ouro_type *type = state->type, *base = type->base;
  if (!base) return;
  unsigned depth = 0;
  for (const ouro_type *each = base; each; each = each->base) {
    if (++depth <= BASES_MOST) continue;
    complain(state, "more than 64 bases, or a type that is its own base");
    return;
  }
  if (base->size > type->size) complain(state, "the base is larger than the type");
  if (base->item_size && (base->item_size != type->item_size || base->size != type->size)) {
    complain(state, "a base with items: the type must have the same size and items");
  }
  if (!base->item_size && type->item_size) complain(state, "items, and a base that has none");
}

static bool owns_references(const ouro_type *type) {
  if (type->keeper) return true;
  for (; type; type = type->base) {
    if (count_of(type->references) || type->visit || type->flags & OURO_TYPE_ITEMS) return true;
  }
  return false;
}

static unsigned inherited_flags(const ouro_type *type) {
  unsigned flags = 0;
  for (; type; type = type->base) flags |= type->flags & ~(unsigned)(OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE | OURO_TYPE_RELEASES);
  return flags;
}

enum { ALL_FLAGS = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE | OURO_TYPE_ITEMS | OURO_TYPE_UNCOLLECTABLE | OURO_TYPE_TRACKED |
                   OURO_TYPE_CONFINED | OURO_TYPE_RELEASES };

static void check_flags(checker *state) {
  unsigned flags = state->type->flags | inherited_flags(state->type->base);
  if (state->type->flags & ~(unsigned)ALL_FLAGS) complain(state, "a flag that does not exist");
  if (flags & OURO_TYPE_ACYCLIC && flags & OURO_TYPE_TRACKED) complain(state, "acyclic, and yet tracked");
  if (flags & OURO_TYPE_ACYCLIC && flags & OURO_TYPE_CONFINED) complain(state, "acyclic, and yet confined");
  if (flags & OURO_TYPE_ACYCLIC && flags & OURO_TYPE_UNCOLLECTABLE) complain(state, "acyclic, and yet uncollectable");
  if (state->type->keeper && flags & (OURO_TYPE_ACYCLIC | OURO_TYPE_CONFINED)) complain(state, "acyclic, or confined, and yet with a keeper");
}

/* What it promises to release is shown by its own function alone. */
static void check_releases(checker *state) {
  const ouro_type *type = state->type;
  if (!(type->flags & OURO_TYPE_RELEASES)) return;
  if (!type->visit || !type->release) complain(state, "it is to release what it shows, and has no visit function or no release");
  for (const ouro_type *base = type->base; base; base = base->base) {
    if (base->visit || base->release) complain(state, "it is to release what it shows, and its base has functions too");
  }
}

static const char *what_is_wrong(const ouro_type *type) {
  checker state = {type, NULL};
  if (!type->name) complain(&state, "the name is NULL");
  if (type->size < sizeof(ouro_object)) complain(&state, "the size is below that of the header");
  if (type->size > SIZE_MOST) complain(&state, "the size is above 1 GiB");
  check_base(&state);
  if (state.why) return state.why;
  check_references(&state);
  check_items(&state);
  check_flags(&state);
  check_releases(&state);
  return state.why;
}

/* ---------------------------------------------------------------- deriving */

static unsigned traits_of(const ouro_type *type) {
  unsigned flags = inherited_flags(type) | type->flags, traits = OURO_D_READY;
  bool references = owns_references(type);
  if (flags & OURO_TYPE_TRACKED || (references && !(flags & OURO_TYPE_ACYCLIC))) traits |= OURO_D_CONTAINER;
  for (const ouro_type *each = type; each; each = each->base) {
    if (each->finalize) traits |= OURO_D_FINALIZE;
    if (each->release) traits |= OURO_D_RELEASE;
    if (each->visit) traits |= OURO_D_VISIT;
  }
  if (flags & OURO_TYPE_ITEMS) traits |= OURO_D_ITEMS;
  if (type->item_size) traits |= OURO_D_VAR;
  if (flags & OURO_TYPE_IMMUTABLE) traits |= OURO_D_IMMUTABLE;
  if (flags & OURO_TYPE_CONFINED && traits & OURO_D_CONTAINER) traits |= OURO_D_CONFINED;
  if (flags & OURO_TYPE_TRACKED) traits |= OURO_D_KEPT;
  if (flags & OURO_TYPE_UNCOLLECTABLE) traits |= OURO_D_UNCOLLECTABLE;
  if (type->keeper) traits |= OURO_D_KEEPER;
  if (type->flags & OURO_TYPE_RELEASES) traits |= OURO_D_RELEASES;
  return traits;
}

/* Slots in the order of clearing: the base's first, each list in its own order; neighbours make a run. With `out` NULL it counts. */
static size_t add_runs(const ouro_type *type, ouro__slots *out, size_t have) {
  if (type->base) have = add_runs(type->base, out, have);
  uint32_t last = 0;
  for (size_t i = 0; i < count_of(type->references); i++) {
    uint32_t offset = type->references[i];
    bool adjacent = i > 0 && offset == last + sizeof(void *);
    if (!adjacent) have++;
    if (out) out[have - 1] = adjacent ? (ouro__slots){out[have - 1].first, out[have - 1].slots + 1} : (ouro__slots){offset, 1};
    last = offset;
  }
  return have;
}

static bool derive_runs(ouro_type *type) {
  size_t count = add_runs(type, NULL, 0);
  if (count == 0) return true;
  ouro__slots few[8], *runs = few;
  if (count > 8) runs = ouro_malloc(count * sizeof *runs);
  if (!runs) return false;
  add_runs(type, runs, 0);
  size_t merged = 0; /* a base's last slot and the type's first may be neighbours as well */
  for (size_t i = 1; i < count; i++) {
    if (runs[i].first == runs[merged].first + runs[merged].slots * sizeof(void *)) {
      runs[merged].slots += runs[i].slots;
    } else {
      runs[++merged] = runs[i];
    }
  }
  ouro__slots *more = merged ? ouro_malloc(merged * sizeof *more) : NULL;
  if (!merged || more) {
    type->ouro__derived.first = runs[0].first;
    type->ouro__derived.slots = runs[0].slots;
    type->ouro__derived.runs = (uint32_t)merged;
    type->ouro__derived.more = more;
    for (size_t i = 0; i < merged; i++) more[i] = runs[i + 1];
  }
  if (runs != few) ouro_free(runs);
  return !merged || more;
}

static bool derive(ouro_type *type) {
  unsigned traits = traits_of(type);
  size_t size = ouro__round_up(type->size, 16) + (traits & OURO_D_CONFINED ? OURO_CONFINED_BYTES : 0);
  if (!derive_runs(type)) return false;
  if (type->ouro__derived.runs) traits |= OURO_D_RUNS;
  type->ouro__derived.size = (uint32_t)size;
  type->ouro__derived.class_ = ouro__object_class(size, !(traits & OURO_D_CONTAINER));
  type->ouro__derived.distance = type->item_size || size > 8192 ? 0 : type->ouro__derived.class_ * OURO__BIN_BYTES;
  if ((traits & (OURO_D_VAR | OURO_D_CONFINED)) == OURO_D_VAR && !type->keeper) {
    type->ouro__derived.var = (ouro__object_class(16, !(traits & OURO_D_CONTAINER)) - 1) * OURO__BIN_BYTES;
  }
  ouro__store_release(flags_of(type), traits);
  /* pairs with the acquire in ouro_new */
  ouro__store_release(fast_of(type), size > FAST_MOST || traits & (OURO_D_CONFINED | OURO_D_KEEPER) ? 0 : type->ouro__derived.distance);
  return true;
}

static bool is_ready(ouro_type *type) { return ouro__load_acquire(flags_of(type)) & OURO_D_READY; }

static const char *ready_locked(ouro_type *type) {
  if (is_ready(type)) return NULL;
  const char *why = what_is_wrong(type);
  for (const ouro_type *base = type->base; base && !why; base = base->base) why = what_is_wrong(base);
  if (why) return why;
  return derive(type) ? NULL : "";
}

static const char *ready_or_why(ouro_type *type) {
  if ((uintptr_t)type % 16 || (uintptr_t)type & ~OURO_TYPE_MASK) return "the description lies at an address that headers cannot hold";
  if (is_ready(type)) return NULL;
  ouro__acquire(&lock);
  const char *why = ready_locked(type);
  ouro__release(&lock);
  return why;
}

bool ouro__type_ready(ouro_type *type) {
  const char *why = type ? ready_or_why(type) : "no type";
  if (!why) return true;
  errno = *why ? EINVAL : ENOMEM;
  return false;
}

int ouro_type_check(ouro_type *type, char *text, size_t text_size) {
  const char *why = type ? ready_or_why(type) : "no type";
  ouro__text out = {text, text_size ? text_size - 1 : 0};
  if (text && text_size) {
    *text = 0;
    if (why) ouro__text_str(&out, *why ? why : "out of memory");
  }
  return !why ? OURO_OK : *why ? OURO_EINVAL : OURO_ENOMEM;
}

void ouro__type_dispose(ouro_type *type) {
  ouro_free((void *)(uintptr_t)type->ouro__derived.more);
  type->ouro__derived.more = NULL;
  type->ouro__derived.flags = 0;
}

/* ---------------------------------------------------------------- types made at run time */

static void free_type(ouro_type *type) {
  ouro_type *base = (ouro_type *)(uintptr_t)type->base;
  ouro_free((void *)(uintptr_t)type->ouro__derived.more);
  ouro_free(type);
  if (base && base->ouro__derived.flags & OURO_D_RUNTIME) ouro__type_left(base);
}

/* Add to the number of instances; what it was before. */
static size_t count_instance(ouro_type *type, size_t change) {
  _Atomic size_t *instances = (_Atomic size_t *)&type->ouro__derived.instances;
  if (!ouro__enter_alone()) return atomic_fetch_add_explicit(instances, change, memory_order_acq_rel);
  size_t before = ouro__load_relaxed(instances);
  ouro__store_relaxed(instances, before + change);
  ouro__leave_alone();
  return before;
}

void ouro__type_joined(ouro_type *type) { count_instance(type, 1); }

void ouro__type_left(ouro_type *type) {
  size_t before = count_instance(type, (size_t)-1);
  OURO_INVARIANT(before > 0);
  if (before == 1) free_type(type);
}

/* The type, its list and its name in one block. */
static ouro_type *copy_type(const ouro_type *description) {
  size_t list = (count_of(description->references) + 1) * sizeof(uint32_t), name = strlen(description->name) + 1;
  char *block = ouro_malloc(sizeof(ouro_type) + list + name);
  if (!block) return NULL;
  ouro_type *type = (ouro_type *)(void *)block;
  *type = *description;
  memset(&type->ouro__derived, 0, sizeof type->ouro__derived);
  if (description->references) type->references = memcpy(block + sizeof *type, description->references, list);
  type->name = memcpy(block + sizeof *type + list, description->name, name);
  return type;
}

ouro_type *ouro_type_new(const ouro_type *description) {
  if (!ouro__attached()) return NULL;
  if (!description || !description->name) {
    errno = EINVAL;
    return NULL;
  }
  ouro_type *type = copy_type(description);
  if (!type) return NULL;
  if (!ouro__type_ready(type)) {
    ouro_free(type);
    return NULL;
  }
  type->ouro__derived.flags |= OURO_D_RUNTIME;
  type->ouro__derived.fast = type->ouro__derived.var = 0; /* instances are counted */
  type->ouro__derived.instances = 1;
  ouro_type *base = (ouro_type *)(uintptr_t)type->base;
  if (base && base->ouro__derived.flags & OURO_D_RUNTIME) ouro__type_joined(base);
  return type;
}

void ouro_type_release(ouro_type *type) {
  if (!type || !(type->ouro__derived.flags & OURO_D_RUNTIME)) return;
  ouro__attached(); /* or a thread that is alone would count beside this one, without atomics */
  uint32_t before = atomic_exchange_explicit((ouro__atomic32 *)&type->ouro__derived.released, 1, memory_order_relaxed);
  OURO_INVARIANT(!before);
  ouro__type_left(type);
}

bool ouro_is_instance(const void *object, const ouro_type *type) {
  for (const ouro_type *each = ouro_type_of(object); each; each = each->base) {
    if (each == type) return true;
  }
  return false;
}
