/* values/copy.c - copies: shallow ones, and deep ones of any shape: chains, circles, what is shared.
 *
 * A deep copy is a walk over the originals, depth first, with a stack of its own, so that nesting costs no C stack. It keeps what it knows
 * of each original in a table by address, which holds them and their copies until it ends.
 *
 *     begin    a SHELL is made, which holds what the original holds at that moment, counted like anything: `copy` of the type, or field by
 *              field. What it holds begins next, and then comes its own
 *     end      each slot of the shell is given the copy of what is in it, as the type's own description shows it; then `copied`
 *
 * An original ends behind all that it holds, but for what leads back to it; so the hashes that `copied` of a dict asks for are those of
 * complete objects. A shell is sound at any time: the collector, or an error in the middle, finds objects like any others.
 *
 * ATOMIC is what never changes and refers to nothing, and what is a mere name of something else (weak references): those are not looked up.
 * What is immutable and does refer to something has no shell at first: at its end, if all that it holds is its own copy, so is it. Where
 * something that leads back to it ends before, it gets its shell then.
 *
 * I-COPY-1  an entry without a copy: its original has begun, is immutable, and has not ended
 * I-COPY-2  the number of entries is at most half the number of places
 * I-COPY-3  on the stack, an address with ENDS set: its original has begun, and is held by its entry; without: it may have, and is held by
 *           the stack: functions of the program that run in between may empty whatever it was found in */
#include <string.h>

#include "values/guard.h"
#include "values/values.h"

enum { PLACES_FIRST = 64, STACK_FIRST = 64, ENDS = 1, TAGS = 15 };

typedef struct entry {
  ouro_object *original; /* owned; NULL: no entry */
  ouro_object *copy;     /* owned, and perhaps the original; NULL: I-COPY-1 */
} entry;

struct ouro_copier {
  entry *entries;
  size_t places, count; /* places: a power of two, or 0 */
  uintptr_t *stack;
  size_t depth, room;
};

/* ---------------------------------------------------------------- what kind of object it is */

/* Of a type that no object was made of, but for those in static memory, nothing has been derived yet. */
static unsigned traits_of(const ouro_object *object) {
  ouro_type *type = ouro_type_of(object);
  if (OURO_UNLIKELY(!(type->ouro__derived.flags & OURO_D_READY))) (void)ouro__type_ready(type);
  return type->ouro__derived.flags;
}

static bool is_weak(const ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  return type == &ouro_weak_type || type == &ouro_weak_callback_type;
}

static bool is_immutable(const ouro_object *object) { return traits_of(object) & OURO_D_IMMUTABLE; }

static bool is_atomic(const ouro_object *object) {
  if (!is_immutable(object)) return is_weak(object);
  const ouro_type *type = ouro_type_of(object);
  return !type->ouro__derived.slots && !(type->ouro__derived.flags & (OURO_D_SCATTERED & ~(unsigned)OURO_D_KEEPER));
}

/* ---------------------------------------------------------------- field by field */

typedef struct fields {
  ouro_visitor visitor;
  const char *begin, *end; /* of the block */
  bool counting;           /* else looking whether all can be copied so */
  bool refused;
} fields;

/* A word with an address in it, and perhaps a tag in its lowest bits. */
static bool is_address_in(const uintptr_t *word, const void *object) { return (*word & ~(uintptr_t)TAGS) == (uintptr_t)object; }

static void look_at_field(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  fields *it = (fields *)(void *)visitor;
  (void)empty;
  if (!word) return; /* the keeper, which each instance has counted when it was made */
  if (it->counting) ouro_incref(object);
  const char *at = (const char *)word;
  if (at < it->begin || at >= it->end || !is_address_in(word, object)) it->refused = true;
}

/* The fields are there, and not counted: count what they hold. Slots outside of the block would be those of the original itself. */
static bool count_fields(ouro_object *shell, size_t bytes) {
  fields it = {{look_at_field}, (char *)shell, (char *)shell + bytes, false, false};
  ouro__visit_all(shell, &it.visitor);
  if (it.refused) return false;
  it.counting = true;
  ouro__visit_all(shell, &it.visitor);
  return true;
}

/* In a section of the original, even where others would read it without a lock: those who change it know of sections alone. */
static int copy_fields(ouro_object *original, ouro_object **out) {
  ouro_type *type = ouro_type_of(original);
  size_t items = type->item_size ? ouro__items(original) : 0;
  size_t fixed = type->item_size ? sizeof(ouro_var) : sizeof(ouro_object), bytes = type->size + items * type->item_size;
  if (traits_of(original) & OURO_D_RELEASE) return OURO_ETYPE;
  ouro_object *shell = type->item_size ? ouro_new_var(type, items) : ouro_new(type);
  if (!shell) return ouro__code();
  ouro__hold hold;
  ouro__hold_write(&hold, original);
  memcpy((char *)shell + fixed, (char *)original + fixed, bytes - fixed);
  bool counted = count_fields(shell, bytes);
  if (!counted) memset((char *)shell + fixed, 0, bytes - fixed);
  ouro__hold_end(&hold, original);
  if (counted) {
    *out = shell;
    return OURO_OK;
  }
  ouro__set_bit(shell, OURO_FINALIZED); /* it never was what a finalizer expects */
  ouro_decref(shell);
  return OURO_ETYPE;
}

static int copy_one(ouro_object *original, ouro_copier *copier, ouro_object **out) {
  const ouro_protocols *found = OURO__PROTOCOL(ouro_type_of(original), copy);
  return found ? found->copy(original, copier, out) : copy_fields(original, out);
}

ouro_ref ouro_copy(void *object) {
  if (!object) return ouro__fail(OURO_EINVAL);
  if (!ouro__attached()) return NULL;
  if (is_immutable(object) || is_weak(object)) return ouro_newref(object);
  ouro_object *copy = NULL;
  int code = copy_one(object, NULL, &copy);
  return code ? ouro__fail(code) : copy;
}

/* ---------------------------------------------------------------- what is known of each original */

static entry *place_of(const ouro_copier *copier, const void *original) {
  size_t mask = copier->places - 1, at = (size_t)ouro__mix((uintptr_t)original >> 4) & mask;
  while (copier->entries[at].original && copier->entries[at].original != original) at = (at + 1) & mask;
  return &copier->entries[at];
}

/* NULL: nothing is known. */
static entry *find(const ouro_copier *copier, const void *original) {
  if (!copier->places) return NULL;
  entry *found = place_of(copier, original);
  return found->original ? found : NULL;
}

static int grow(ouro_copier *copier) {
  ouro_copier larger = *copier;
  larger.places = copier->places ? copier->places * 2 : PLACES_FIRST;
  larger.entries = ouro_calloc(larger.places, sizeof *larger.entries);
  if (!larger.entries) return OURO_ENOMEM;
  for (size_t i = 0; i < copier->places; i++) {
    if (copier->entries[i].original) *place_of(&larger, copier->entries[i].original) = copier->entries[i];
  }
  ouro_free(copier->entries);
  *copier = larger;
  return OURO_OK;
}

/* An original of which nothing is known; `copy` is stolen, also when this fails. */
static int add(ouro_copier *copier, ouro_object *original, ouro_object *copy) {
  int code = copier->count * 2 >= copier->places ? grow(copier) : OURO_OK;
  if (code) {
    ouro_xdecref(copy);
    return code;
  }
  *place_of(copier, original) = (entry){ouro_newref(original), copy};
  copier->count++;
  OURO_ASSERT(copier->count * 2 <= copier->places); /* I-COPY-2 */
  return OURO_OK;
}

int ouro_copier_keep(ouro_copier *copier, void *object) {
  if (!copier || !object) return OURO_EINVAL;
  const entry *known = find(copier, object);
  if (known) return known->copy == object ? OURO_OK : OURO_EBUSY;
  return add(copier, object, ouro_newref(object));
}

/* The shell of an original that has begun. (Its `copy` may have made the table larger.) */
static int give_shell(ouro_copier *copier, ouro_object *original) {
  ouro_object *shell = NULL;
  int code = copy_one(original, copier, &shell);
  if (!code) find(copier, original)->copy = shell;
  return code;
}

/* ---------------------------------------------------------------- the walk */

/* An address without ENDS is owned from then on. */
static int push(ouro_copier *copier, uintptr_t word) {
  if (copier->depth == copier->room) {
    size_t room = copier->room ? copier->room * 2 : STACK_FIRST;
    uintptr_t *larger = ouro_realloc(copier->stack, room * sizeof *larger);
    if (!larger) return OURO_ENOMEM;
    copier->stack = larger;
    copier->room = room;
  }
  copier->stack[copier->depth++] = word;
  return OURO_OK;
}

typedef struct pusher {
  ouro_visitor visitor;
  ouro_copier *copier;
  int code;
} pusher;

static void push_slot(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  pusher *it = (pusher *)(void *)visitor;
  (void)empty;
  if (!word || it->code || is_atomic(object)) return;
  it->code = push(it->copier, (uintptr_t)object);
  if (!it->code) ouro_incref(object);
}

/* What it holds is to begin next, in the order in which it is shown. */
static int push_all(ouro_copier *copier, ouro_object *holder) {
  pusher it = {{push_slot}, copier, OURO_OK};
  size_t first = copier->depth;
  ouro__visit_all(holder, &it.visitor);
  if (it.code) return it.code;
  for (size_t last = copier->depth; first + 1 < last; first++) {
    uintptr_t word = copier->stack[first];
    copier->stack[first] = copier->stack[--last];
    copier->stack[last] = word;
  }
  return OURO_OK;
}

static int begin(ouro_copier *copier, ouro_object *original) {
  if (find(copier, original)) return OURO_OK;
  int code = add(copier, original, NULL);
  if (!code && !is_immutable(original)) code = give_shell(copier, original);
  if (code) return code;
  ouro_object *shell = find(copier, original)->copy;
  if (shell == original) return OURO_OK;
  code = push(copier, (uintptr_t)original | ENDS);
  return code ? code : push_all(copier, shell ? shell : original);
}

typedef struct filler {
  ouro_visitor visitor;
  const ouro_copier *copier;
  ouro_object *missing; /* an original that has no copy yet; NULL: none that was met */
  bool changed;         /* a slot has, or is to have, another object */
  bool refused;
} filler;

/* The copy of what a slot holds; NULL: it stays as it is. An address that is not known is that of a copy. */
static ouro_object *copy_for(filler *it, ouro_object *held) {
  const entry *known = is_atomic(held) ? NULL : find(it->copier, held);
  if (!known || known->copy == held) return NULL;
  it->changed = true;
  if (!known->copy) it->missing = known->original;
  return known->copy;
}

static void look_at_slot(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)empty;
  if (word) (void)copy_for((filler *)(void *)visitor, object);
}

/* Nothing goes here: the table holds what was in the slot. */
static void fill_slot(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  filler *it = (filler *)(void *)visitor;
  (void)empty;
  ouro_object *copy = word ? copy_for(it, object) : NULL;
  if (!copy) return;
  if (!is_address_in(word, object)) {
    it->refused = true;
    return;
  }
  ouro_incref(copy);
  *word = (uintptr_t)copy | (*word & TAGS);
  ouro__release_ref(object);
}

/* Give each slot of the shell its copy. The immutable ones that have none yet, as they lead here, get theirs now. */
static int fill(ouro_copier *copier, ouro_object *shell) {
  filler it = {.visitor = {fill_slot}, .copier = copier};
  do {
    it.missing = NULL;
    ouro__visit_all(shell, &it.visitor);
    int code = it.refused ? OURO_ETYPE : it.missing ? give_shell(copier, it.missing) : OURO_OK;
    if (code) return code;
  } while (it.missing);
  const ouro_protocols *found = it.changed ? OURO__PROTOCOL(ouro_type_of(shell), copied) : NULL;
  return found ? found->copied(shell) : OURO_OK;
}

/* Is an immutable original its own copy? */
static bool stays(const ouro_copier *copier, ouro_object *original) {
  filler it = {.visitor = {look_at_slot}, .copier = copier};
  ouro__visit_all(original, &it.visitor);
  return !it.changed;
}

static int end(ouro_copier *copier, ouro_object *original) {
  entry *known = find(copier, original);
  OURO_ASSERT(known && (known->copy || is_immutable(original))); /* I-COPY-1 */
  if (!known->copy && stays(copier, original)) {
    known->copy = ouro_newref(original);
    return OURO_OK;
  }
  int code = known->copy ? OURO_OK : give_shell(copier, original);
  if (code) return code;
  ouro_object *shell = find(copier, original)->copy;
  return shell == original ? OURO_OK : fill(copier, shell);
}

/* Take the uppermost address from the stack, and do what it says. */
static int step(ouro_copier *copier) {
  uintptr_t word = copier->stack[--copier->depth];
  ouro_object *original = (ouro_object *)(word & ~(uintptr_t)ENDS);
  if (word & ENDS) return end(copier, original);
  int code = begin(copier, original);
  ouro_decref(original);
  return code;
}

static int walk(ouro_copier *copier, ouro_object *root) {
  int code = push(copier, (uintptr_t)root);
  if (!code) ouro_incref(root);
  while (!code && copier->depth) code = step(copier);
  return code;
}

/* Keeps errno. */
static void release_all(ouro_copier *copier) {
  int saved = errno;
  while (copier->depth) {
    uintptr_t word = copier->stack[--copier->depth];
    if (!(word & ENDS)) ouro_decref((void *)word);
  }
  for (size_t i = 0; i < copier->places; i++) {
    ouro_xdecref(copier->entries[i].original);
    ouro_xdecref(copier->entries[i].copy);
  }
  ouro_free(copier->entries);
  ouro_free(copier->stack);
  errno = saved;
}

/* A `copy` may call this again for what it does not leave to the walk. */
ouro_ref ouro_deepcopy(void *object) {
  ouro_copier copier = {.places = 0};
  if (!object) return ouro__fail(OURO_EINVAL);
  if (!ouro__attached()) return NULL;
  if (is_atomic(object)) return ouro_newref(object);
  if (!ouro__deeper()) return ouro__fail(OURO_EDEEP);
  int code = walk(&copier, object);
  ouro__shallower();
  ouro_ref copy = code ? OURO_NULL : ouro_newref(find(&copier, object)->copy);
  release_all(&copier);
  return code ? ouro__fail(code) : copy;
}
