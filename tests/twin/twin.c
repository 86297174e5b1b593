/* tests/twin/twin.c - the twin of tests/twin that is ouro: runs programs of program.py, and tells what happened.
 *
 * Reads programs from standard input until it ends, each as program.py packs it: the number of operations (16 bits), the mode (8),
 * nothing (8), and six bytes for each operation. Writes for each program the number of its events (32 bits), and the events, 32 bits
 * each: a code, and three numbers. After each program all is released, and the checkers of the collector and of the heap must find
 * nothing wrong. mirror.py does the same with CPython's objects, operation by operation, in the same order of functions.
 *
 * usage: twin [--verify]         verify after every operation, not only after every program
 *        twin --threads COUNT    run so many programs at once, each in a thread with a machine of its own
 *
 * With --threads, a thread swaps a root with a pool that all share between operations; what is garbage is taken by whoever collects,
 * and its finalizers act on his machine. Slots are guarded by sections. Nothing is told; after each round all must be gone, and the
 * checkers find nothing.
 *
 * Linked with: the core static library (ouro_core). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ouro/ouro.h>

enum { ROOTS = 8, WEAK = 6, FINALIZERS = 4, NUMBERS = 256, MADE = 128, UNTRACKED = 3, SHARED = 255 };

enum { MODE_RESURRECTING = 1 };

/* As EVENTS in program.py. */
enum event {
  EVENT_OP,
  EVENT_FINALIZE,
  EVENT_CALLBACK,
  EVENT_FIN,
  EVENT_START,
  EVENT_STOP,
  EVENT_RESULT,
  EVENT_INNER,
  EVENT_UP,
  EVENT_TOLD,
  EVENT_COUNT,
  EVENT_OBJECT,
  EVENT_QUERY,
  EVENT_REFCOUNT,
  EVENT_REFERENT,
  EVENT_WEAK,
  EVENT_REFERRER,
  EVENT_GARBAGE,
  EVENT_END
};

static bool many; /* --threads */

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "twin: %s\n", what);
  _exit(3);
}

#define CHECK(condition) ((condition) ? (void)0 : fail("check failed: " #condition))
#define CHECK_ALONE(condition) CHECK(many || (condition)) /* what others may change */

/* ---------------------------------------------------------------- the machine: one for each thread */

#define OF_A_MACHINE static _Thread_local

OF_A_MACHINE void *roots[ROOTS];        /* owned */
OF_A_MACHINE void *reserved[NUMBERS];   /* owned; where finalizers and callbacks put what they save or make */
OF_A_MACHINE void *weak[WEAK];          /* owned: shared weak references */
OF_A_MACHINE void *weak_made[NUMBERS];  /* owned: those that finalizers made */
OF_A_MACHINE void *fins[FINALIZERS];    /* owned: finalizers of others */
OF_A_MACHINE void *not_at_exit[NUMBERS]; /* owned: finalizers of others that the end of a program must detach */
OF_A_MACHINE const void *refs[NUMBERS]; /* not owned: where the weak reference of that number is, or was */
OF_A_MACHINE int act[NUMBERS], arg[NUMBERS], target[NUMBERS], heard[NUMBERS];
OF_A_MACHINE bool done[NUMBERS]; /* its finalizer has been called */
OF_A_MACHINE int next_number, mode;
OF_A_MACHINE bool collecting, quiet, frozen;
static bool verify_always;

OF_A_MACHINE uint32_t events[1 << 16];
OF_A_MACHINE size_t event_count;

static void emit(enum event code, size_t a, size_t b, size_t c) {
  if (many) return;
  CHECK(event_count < sizeof events / sizeof *events);
  events[event_count++] = (uint32_t)code << 24 | (uint32_t)(a & 255) << 16 | (uint32_t)(b & 255) << 8 | (uint32_t)(c & 255);
}

/* ---------------------------------------------------------------- the kinds of objects */

typedef struct fixed {
  ouro_object base;
  size_t number;
  void *slot[3];
} fixed;

typedef struct list {
  ouro_var base;
  size_t number;
  void *slot;
  void *item[];
} list;

typedef struct tuple {
  ouro_var base;
  size_t number;
  void *item[];
} tuple;

/* Slots that only a visit function knows: an odd word, less 1, is an object; 1 and 0 are none. */
typedef struct tagged {
  ouro_object base;
  size_t number;
  uintptr_t word[2];
} tagged;

typedef struct leaf {
  ouro_object base;
  size_t number;
} leaf;

static void finalize(void *self);

static void visit_tagged(void *self, ouro_visitor *visitor) {
  tagged *t = self;
  for (size_t i = 0; i < 2; i++) {
    ouro_visit_tagged(visitor, &t->word[i], (void *)(t->word[i] & ~(uintptr_t)1), 1);
  }
}

#define FIXED_SIZE(slots) offsetof(fixed, slot[slots])
#define SLOT(i) offsetof(fixed, slot[i])

static ouro_type base_type = {
    .name = "base", .size = FIXED_SIZE(1), .references = OURO_REFERENCES(SLOT(0)), .finalize = finalize};

enum kind { ONE, TWO, THREE, FINAL, DERIVED, LIST, LIST_FINAL, TAGGED, TUPLE, LEAF, LEAF_FINAL, EMPTY, KINDS };

/* As KINDS in program.py. */
static ouro_type types[KINDS] = {
    [ONE] = {.name = "one", .size = FIXED_SIZE(1), .references = OURO_REFERENCES(SLOT(0))},
    [TWO] = {.name = "two", .size = FIXED_SIZE(2), .references = OURO_REFERENCES(SLOT(0), SLOT(1))},
    [THREE] = {.name = "three", .size = FIXED_SIZE(3), .references = OURO_REFERENCES(SLOT(0), SLOT(1), SLOT(2))},
    [FINAL] = {.name = "final", .size = FIXED_SIZE(2), .references = OURO_REFERENCES(SLOT(0), SLOT(1)), .finalize = finalize},
    [DERIVED] = {.name = "derived", .size = FIXED_SIZE(3), .base = &base_type, .references = OURO_REFERENCES(SLOT(1), SLOT(2))},
    [LIST] = {.name = "list",
              .size = sizeof(list),
              .references = OURO_REFERENCES(offsetof(list, slot)),
              .item_size = sizeof(void *),
              .flags = OURO_TYPE_ITEMS},
    [LIST_FINAL] = {.name = "list with a finalizer",
                    .size = sizeof(list),
                    .references = OURO_REFERENCES(offsetof(list, slot)),
                    .item_size = sizeof(void *),
                    .flags = OURO_TYPE_ITEMS,
                    .finalize = finalize},
    [TAGGED] = {.name = "tagged", .size = sizeof(tagged), .visit = visit_tagged, .finalize = finalize},
    [TUPLE] = {.name = "tuple",
               .size = sizeof(tuple),
               .item_size = sizeof(void *),
               .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE},
    [LEAF] = {.name = "leaf", .size = sizeof(leaf), .flags = OURO_TYPE_ACYCLIC},
    [LEAF_FINAL] = {.name = "leaf with a finalizer", .size = sizeof(leaf), .flags = OURO_TYPE_ACYCLIC, .finalize = finalize},
    [EMPTY] = {.name = "empty", .size = sizeof(leaf), .flags = OURO_TYPE_TRACKED, .finalize = finalize},
};

/* Python's None, in tuples: an immutable object that has an empty slot is still being made. */
static ouro_type none_type = {.name = "none", .size = sizeof(ouro_object)};
static ouro_object none = OURO_IMMORTAL_OBJECT(&none_type);

static bool is_ref(const void *object) { return ouro_type_of(object) == &ouro_weak_callback_type; }

/* KINDS for what is none of them. */
static enum kind kind_of(const void *object) {
  ptrdiff_t kind = ouro_type_of(object) - types;
  return kind >= 0 && kind < KINDS ? (enum kind)kind : KINDS;
}

static bool has_items(enum kind kind) { return kind == LIST || kind == LIST_FINAL || kind == TUPLE; }

static bool can_be_weak(const void *object) {
  enum kind kind = kind_of(object);
  return kind != TUPLE && kind != LEAF && kind != LEAF_FINAL && kind != KINDS;
}

static size_t number_of_ref(const void *object) {
  for (size_t number = 1; number < NUMBERS; number++) {
    if (refs[number] == object) return number;
  }
  return 0;
}

/* A weak reference that lay here has gone. */
static void forget_ref(const void *object) {
  size_t number = number_of_ref(object);
  if (number) refs[number] = NULL;
}

/* The number of one of the program's objects; 0 for NULL and all else. */
static size_t number_of(const void *object) {
  if (!object) return 0;
  if (is_ref(object)) return number_of_ref(object);
  enum kind kind = kind_of(object);
  if (kind == KINDS) return 0;
  return has_items(kind) ? ((const list *)object)->number : ((const leaf *)object)->number;
}

static size_t slots_of(const void *object) {
  static const size_t fixed_slots[KINDS + 1] = {
      [ONE] = 1, [TWO] = 2, [THREE] = 3, [FINAL] = 2, [DERIVED] = 3, [LIST] = 1, [LIST_FINAL] = 1, [TAGGED] = 2};
  enum kind kind = kind_of(object);
  return fixed_slots[kind] + (has_items(kind) ? ((const ouro_var *)object)->count : 0);
}

/* Where the slot is, of what is no tagged object. */
static void **slot_of(void *object, size_t index) {
  enum kind kind = kind_of(object);
  if (kind == TUPLE) return &((tuple *)object)->item[index];
  if (!has_items(kind)) return &((fixed *)object)->slot[index];
  list *l = object;
  return index == 0 ? &l->slot : &l->item[index - 1];
}

static void *get_unguarded(void *object, size_t index) {
  if (kind_of(object) == TAGGED) return (void *)(((tagged *)object)->word[index] & ~(uintptr_t)1);
  void *held = *slot_of(object, index);
  return held == &none ? NULL : held;
}

static void set_unguarded(void *object, size_t index, void *owned) {
  if (kind_of(object) == TAGGED) {
    ((tagged *)object)->word[index] = (uintptr_t)owned | 1;
  } else {
    *slot_of(object, index) = owned;
  }
}

static void guard(ouro_section *section, void *object) {
  if (many) ouro_section_begin(section, object);
}
static void unguard(ouro_section *section) {
  if (many) ouro_section_end(section);
}

/* A new reference. */
static void *get(void *object, size_t index) {
  ouro_section section;
  guard(&section, object);
  void *held = ouro_xnewref(get_unguarded(object, index));
  unguard(&section);
  return held;
}

static void put(void *object, size_t index, void *value) {
  ouro_section section;
  ouro_xincref(value);
  guard(&section, object);
  void *before = get_unguarded(object, index);
  set_unguarded(object, index, value);
  unguard(&section);
  ouro_xdecref(before);
}

static void *new_object(enum kind kind, size_t number, size_t count) {
  void *object = number % 5 == 0   ? ouro_new_extra(&types[kind], count, 24)
                 : has_items(kind) ? ouro_new_var(&types[kind], count)
                                   : ouro_new(&types[kind]);
  CHECK(object);
  *(has_items(kind) ? &((list *)object)->number : &((leaf *)object)->number) = number;
  if (number % 5 == 0) memset(ouro_extra(object), (int)number, 24);
  return object;
}

static bool extra_is_intact(void *object) {
  size_t number = number_of(object);
  if (is_ref(object) || number == 0 || number % 5 != 0) return true;
  const unsigned char *extra = ouro_extra(object);
  return extra[0] == number && memcmp(extra, extra + 1, 23) == 0;
}

/* ---------------------------------------------------------------- what finalizers and callbacks do */

static ptrdiff_t collect(int generation);
static void callback(ouro_weak *ref, void *data, void *held);

static void set_root(size_t index, void *borrowed) { ouro_setref(&roots[index % ROOTS], borrowed); }

static void upgrade(size_t root, void *reference) {
  void *object = reference ? ouro_weak_get(reference) : NULL;
  emit(EVENT_UP, number_of(object), 0, 0);
  ouro_movref(&roots[root % ROOTS], object);
}

static void *new_ref(void *object, size_t number, void *held, int what, int how) {
  act[number] = what;
  arg[number] = how;
  target[number] = (int)number_of(object);
  void *ref = ouro_weak_new_callback(object, callback, (void *)(uintptr_t)number, held);
  CHECK(ref);
  forget_ref(ref);
  refs[number] = ref;
  return ref;
}

static void make(size_t number) { ouro_movref(&reserved[MADE + number], new_object(TWO, MADE + number, 0)); }

static void collect_inside(size_t number) { emit(EVENT_INNER, number, (size_t)collect(arg[number] % 3), 0); }

static void weak_self(void *self, size_t number) {
  if (!can_be_weak(self)) return;
  void *ref = ouro_weak_new(self);
  CHECK(ref);
  ouro_movref(&weak_made[number], ref);
}

static void ref_self(void *self, size_t number) {
  if (collecting) {
    weak_self(self, number);
  } else if (can_be_weak(self)) {
    ouro_movref(&reserved[MADE + number], new_ref(self, MADE + number, NULL, 0, 0));
  }
}

static void change_own_slot(void *self, size_t number, bool allowed, void *value) {
  size_t slots = slots_of(self);
  if (slots && allowed) put(self, (size_t)arg[number] % slots, value);
}

static void upgrade_inside(size_t number) {
  if (!collecting) upgrade((size_t)arg[number], weak[(arg[number] >> 3) % WEAK]);
}

/* As ACTS in program.py. */
static void perform(void *self, size_t number) {
  switch (act[number]) {
    case 1: ouro_setref(&reserved[number], self); break;
    case 2: change_own_slot(self, number, !(collecting && (mode & MODE_RESURRECTING)), NULL); break;
    case 3: set_root((size_t)arg[number], NULL); break;
    case 4: weak_self(self, number); break;
    case 5: make(number); break;
    case 6: collect_inside(number); break;
    case 7: upgrade_inside(number); break;
    case 8:
      ouro_setref(&reserved[number], self);
      ouro_clear(&reserved[number]);
      break;
    case 9: ref_self(self, number); break;
    case 10: change_own_slot(self, number, !collecting, self); break;
    default: break;
  }
}

static void finalize(void *self) {
  size_t number = number_of(self);
  if (quiet) return;
  CHECK_ALONE(!done[number]);
  done[number] = true;
  emit(EVENT_FINALIZE, number, 0, 0);
  perform(self, number);
}

static void drop_from_roots(const void *ref) {
  for (size_t i = 0; i < ROOTS; i++) {
    if (ref && roots[i] == ref) set_root(i, NULL);
  }
}

/* As CALLBACK_ACTS in program.py. */
static void perform_callback(const void *ref, size_t number, void *held) {
  switch (act[number]) {
    case 1: set_root((size_t)arg[number], NULL); break;
    case 2: make(number); break;
    case 3: collect_inside(number); break;
    case 4: ouro_setref(&reserved[number], held); break;
    case 5: upgrade_inside(number); break;
    case 6: drop_from_roots(ref); break;
    default: break;
  }
}

static void tell_call(enum event code, size_t number) {
  emit(code, number, (size_t)++heard[target[number]], done[target[number]]);
}

static void callback(ouro_weak *ref, void *data, void *held) {
  if (quiet) return;
  size_t number = (uintptr_t)data;
  CHECK(ouro_weak_is_dead(ref));
  CHECK_ALONE(refs[number] == (void *)ref);
  tell_call(EVENT_CALLBACK, number);
  perform_callback(ref, number, held);
}

static void fin_called(void *data, void *held) {
  if (quiet) return;
  tell_call(EVENT_FIN, (uintptr_t)data);
  perform_callback(NULL, (uintptr_t)data, held);
}

/* ---------------------------------------------------------------- collections */

static int by_event(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* What happens in a collection happens in an order that nobody promises. */
static void sort_events(size_t first) { qsort(events + first, event_count - first, sizeof *events, by_event); }

static void tell_garbage(void) {
  for (size_t i = 0; i < ouro_gc_garbage_count(); i++) emit(EVENT_GARBAGE, number_of(ouro_gc_garbage_at(i)), 0, 0);
  CHECK_ALONE(ouro_gc_garbage_at(ouro_gc_garbage_count()) == NULL);
  ouro_gc_set_debug(0);
  ouro_gc_garbage_clear();
  CHECK_ALONE(ouro_gc_garbage_count() == 0);
}

static ptrdiff_t collect_with(int generation, void (*after)(void)) {
  size_t first = event_count;
  collecting = true;
  ptrdiff_t collected = ouro_gc_collect(generation);
  if (after) after();
  collecting = false;
  sort_events(first);
  return collected;
}

static ptrdiff_t collect(int generation) {
  return collecting ? ouro_gc_collect(generation) : collect_with(generation, NULL);
}

static void tell_collection(const ouro_gc_info *info, void *unused) {
  (void)unused;
  if (!quiet) emit(info->stop ? EVENT_STOP : EVENT_START, (size_t)info->generation, info->collected, 0);
}

/* ---------------------------------------------------------------- who is alive */

OF_A_MACHINE unsigned char alive[NUMBERS]; /* generation + 1 of each number; 0: not alive */
OF_A_MACHINE int asked_generation;

static int add_alive(void *object, void *unused) {
  (void)unused;
  CHECK(extra_is_intact(object));
  alive[number_of(object)] = UNTRACKED + 1;
  return 0;
}

static int add_generation(void *object, void *unused) {
  (void)unused;
  CHECK_ALONE(number_of(object) == 0 || alive[number_of(object)] == UNTRACKED + 1);
  alive[number_of(object)] = (unsigned char)(asked_generation + 1);
  return 0;
}

static void tell_state(void) {
  if (frozen) return;
  memset(alive, 0, sizeof alive);
  CHECK(ouro_each_object(add_alive, NULL) == 0);
  for (asked_generation = 0; asked_generation < OURO_GENERATIONS; asked_generation++) {
    CHECK(ouro_gc_get_objects(asked_generation, add_generation, NULL) == 0);
  }
  for (size_t number = 1; number < NUMBERS; number++) {
    if (alive[number]) emit(EVENT_OBJECT, number, alive[number] - 1u, 0);
  }
}

/* ---------------------------------------------------------------- operations, as in mirror.py */

typedef unsigned char byte;

static size_t take_number(void) { return (size_t)++next_number; }

static void fill_tuple(tuple *made, size_t first) {
  for (size_t i = 0; i < made->base.count; i++) {
    void *item = roots[(first + i) % ROOTS];
    bool fits = item && kind_of(item) != TUPLE && kind_of(item) != LEAF_FINAL;
    ouro_setref(&made->item[i], fits ? item : &none);
  }
}

static void op_make(const byte *a) {
  size_t number = take_number();
  enum kind kind = (enum kind)(a[1] % KINDS);
  act[number] = a[3] % 11;
  arg[number] = a[4];
  void *object = new_object(kind, number, has_items(kind) ? a[2] % 5 : 0);
  if (kind == TUPLE) fill_tuple(object, a[4]);
  ouro_movref(&roots[a[0] % ROOTS], object);
}

static void link_slot(size_t root, size_t slot, void *value) {
  void *object = roots[root % ROOTS];
  if (!object || kind_of(object) == TUPLE || !slots_of(object)) return;
  ouro_incref(object); /* as the interpreter does: what goes may drop the root */
  put(object, slot % slots_of(object), value);
  ouro_decref(object);
}

static void op_link(const byte *a) { link_slot(a[0], a[1], roots[a[2] % ROOTS]); }

static void op_unlink(const byte *a) { link_slot(a[0], a[1], NULL); }

static void op_ring(const byte *a) {
  size_t count = a[1] % ROOTS + 1;
  for (size_t i = 0; i < count; i++) link_slot(a[0] + i, a[2], roots[(a[0] + (i + 1) % count) % ROOTS]);
}

static void op_chain(const byte *a) {
  for (size_t i = a[1] % ROOTS; i-- > 0;) {
    link_slot(a[0] + i, a[2], roots[(a[0] + i + 1) % ROOTS]);
    set_root(a[0] + i + 1, NULL);
  }
}

static void op_drop_many(const byte *a) {
  for (size_t i = 0; i < a[1] % ROOTS + 1u; i++) set_root(a[0] + i, NULL);
}

static void op_drop(const byte *a) { set_root(a[0], NULL); }

static void op_move(const byte *a) {
  void *object = roots[a[1] % ROOTS];
  if (object && slots_of(object)) ouro_movref(&roots[a[0] % ROOTS], get(object, a[2] % slots_of(object)));
}

static void op_copy(const byte *a) { set_root(a[0], roots[a[1] % ROOTS]); }

/* The index of the `rank`-th (modulo how many there are) entry of a table that is not NULL; NUMBERS where there is none. */
static size_t occupied(void *const table[NUMBERS], size_t rank) {
  size_t count = 0;
  for (size_t i = 0; i < NUMBERS; i++) count += table[i] != NULL;
  if (!count) return NUMBERS;
  rank %= count;
  for (size_t i = 0;; i++) {
    if (table[i] && rank-- == 0) return i;
  }
}

static void op_take(const byte *a) {
  size_t number = occupied(reserved, a[1]);
  if (number < NUMBERS) ouro_movref(&roots[a[0] % ROOTS], ouro_steal(&reserved[number]));
}

static void op_weak(const byte *a) {
  void *object = roots[a[1] % ROOTS];
  if (!object || !can_be_weak(object)) return;
  void *ref = ouro_weak_new(object);
  CHECK(ref && !ouro_weak_is_dead(ref) && !ouro_weak_has_callback(ref));
  ouro_movref(&weak[a[0] % WEAK], ref);
}

static void op_weak_drop(const byte *a) { ouro_clear(&weak[a[0] % WEAK]); }

static void op_ref(const byte *a) {
  size_t number = take_number();
  void *object = roots[a[1] % ROOTS];
  if (!object || !can_be_weak(object)) return;
  ouro_movref(&roots[a[0] % ROOTS], new_ref(object, number, roots[a[2] % ROOTS], a[3] % 7, a[4]));
}

static void op_up(const byte *a) { upgrade(a[0], weak[a[1] % WEAK]); }

static void op_up_ref(const byte *a) {
  void *ref = roots[a[1] % ROOTS];
  if (ref && is_ref(ref)) upgrade(a[0], ref);
}

static void op_up_made(const byte *a) {
  size_t number = occupied(weak_made, a[1]);
  if (number < NUMBERS) upgrade(a[0], weak_made[number]);
}

/* The newest weak reference to an object is the library's own: no number is its, even if one of the program's lay there before. */
static void forget_newest(const void *object) {
  if (many) return;
  ouro_weak *newest[2];
  size_t count = ouro_weak_list(object, newest, 2);
  CHECK(count > 0);
  bool after_shared = ouro_type_of(newest[0]) == &ouro_weak_type;
  CHECK(!after_shared || count > 1);
  forget_ref(newest[after_shared]);
}

static void op_fin(const byte *a) {
  size_t number = take_number();
  void *object = roots[a[1] % ROOTS];
  if (!object || !can_be_weak(object)) return;
  act[number] = a[3] % 7;
  arg[number] = a[4];
  target[number] = (int)number_of(object);
  void *fin = ouro_finalize(object, fin_called, (void *)(uintptr_t)number, roots[a[2] % ROOTS]);
  CHECK(fin);
  CHECK_ALONE(ouro_finalizer_is_alive(fin));
  forget_newest(object);
  ouro_movref(&fins[a[0] % FINALIZERS], fin);
}

static void op_fin_call(const byte *a) {
  void *fin = fins[a[0] % FINALIZERS];
  if (fin) emit(EVENT_TOLD, ouro_finalizer_call(fin), 0, 0);
}

static void op_fin_detach(const byte *a) {
  void *fin = fins[a[0] % FINALIZERS];
  if (fin) emit(EVENT_TOLD, ouro_finalizer_detach(fin), 0, 0);
}

static void op_fin_peek(const byte *a) {
  void *fin = fins[a[1] % FINALIZERS];
  if (!fin) return;
  void *object = ouro_finalizer_peek(fin);
  emit(EVENT_UP, number_of(object), 0, 0);
  ouro_movref(&roots[a[0] % ROOTS], object);
}

static void op_fin_alive(const byte *a) {
  void *fin = fins[a[0] % FINALIZERS];
  if (fin) emit(EVENT_TOLD, ouro_finalizer_is_alive(fin), 0, 0);
}

static void op_fin_drop(const byte *a) { ouro_clear(&fins[a[0] % FINALIZERS]); }

static void op_fin_run(const byte *a) {
  (void)a;
  ouro_finalizers_run();
}

static void op_fin_atexit(const byte *a) {
  void *fin = fins[a[0] % FINALIZERS];
  if (!fin) return;
  ouro_finalizer_set_atexit(fin, a[1] % 2 != 0);
  emit(EVENT_TOLD, ouro_finalizer_atexit(fin), 0, 0);
  ouro_setref(&not_at_exit[take_number()], fin);
}

static void op_collect(const byte *a) {
  ptrdiff_t collected = collect(a[0] % 3);
  emit(EVENT_RESULT, (size_t)collected, 0, 0);
  tell_state();
}

static atomic_flag saving = ATOMIC_FLAG_INIT; /* who has set the flag, and clears the list */

static void op_saveall(const byte *a) {
  if (atomic_flag_test_and_set(&saving)) return;
  CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_SAVEALL) == 0);
  ptrdiff_t collected = collect_with(a[0] % 3, tell_garbage);
  atomic_flag_clear(&saving);
  emit(EVENT_RESULT, (size_t)collected, 0, 0);
  tell_state();
}

static void op_count(const byte *a) {
  (void)a;
  int count[OURO_GENERATIONS];
  ouro_gc_get_count(count);
  emit(EVENT_COUNT, (size_t)count[1], (size_t)count[2], 0);
}

static int tell_referent(void *object, void *unused) {
  (void)unused;
  if (number_of(object)) emit(EVENT_REFERENT, number_of(object), 0, 0);
  return 0;
}

static void tell_weak_references(const void *object) {
  if (many) return; /* those of others may go at any time */
  ouro_weak *list_of[64];
  size_t count = ouro_weak_list(object, list_of, 64);
  CHECK(count == ouro_weak_count(object) && count <= 64);
  for (size_t i = 0; i < count; i++) {
    bool shared = ouro_type_of(list_of[i]) == &ouro_weak_type;
    if (shared || number_of_ref(list_of[i])) emit(EVENT_WEAK, shared ? SHARED : number_of_ref(list_of[i]), 0, 0);
  }
}

static void op_query(const byte *a) {
  void *object = roots[a[0] % ROOTS];
  if (!object) return;
  size_t number = number_of(object);
  emit(EVENT_QUERY, number, ouro_gc_is_tracked(object), ouro_gc_is_finalized(object));
  emit(EVENT_REFCOUNT, number, ouro_refcount(object), 0);
  CHECK_ALONE(ouro_is_unique(object) == (ouro_refcount(object) == 1));
  CHECK(ouro_gc_get_referents(&object, 1, tell_referent, NULL) == 0);
  tell_weak_references(object);
}

static int tell_referrer(void *object, void *unused) {
  (void)unused;
  if (number_of(object)) emit(EVENT_REFERRER, number_of(object), 0, 0);
  return 0;
}

static void op_referrers(const byte *a) {
  void *object = roots[a[0] % ROOTS];
  if (!object || frozen) return;
  size_t first = event_count;
  CHECK(ouro_gc_get_referrers(&object, 1, tell_referrer, NULL) == 0);
  sort_events(first);
}

static void op_freeze(const byte *a) {
  (void)a;
  ouro_gc_freeze();
  frozen = true;
}

static void op_unfreeze(const byte *a) {
  (void)a;
  if (frozen) ouro_gc_unfreeze();
  frozen = false;
}

static void op_state(const byte *a) {
  (void)a;
  tell_state();
}

/* As OPS in program.py. */
static void (*const ops[])(const byte *arguments) = {
    op_make,      op_link,     op_unlink,    op_drop,     op_move,      op_copy,       op_take,     op_weak,
    op_weak_drop, op_ref,      op_up,        op_up_ref,   op_up_made,   op_fin,        op_fin_call, op_fin_detach,
    op_fin_peek,  op_fin_alive, op_fin_drop, op_fin_run,  op_fin_atexit, op_collect,   op_count,    op_query,
    op_referrers, op_freeze,   op_unfreeze,  op_saveall,  op_state,     op_ring,       op_chain,    op_drop_many,
};

/* ---------------------------------------------------------------- a program */

static void clear_table(void **table, size_t count) {
  for (size_t i = 0; i < count; i++) ouro_clear(&table[i]);
}

static size_t verified(const char *when) {
  char text[512] = "";
  size_t wrong = ouro_gc_verify(text, sizeof text);
  if (!wrong) wrong = ouro_heap_verify(text, sizeof text);
  if (wrong) fprintf(stderr, "twin: after %s: %s\n", when, text);
  return wrong;
}

static void begin(int program_mode) {
  mode = program_mode;
  event_count = 0;
  next_number = 0;
  quiet = collecting = frozen = false;
  memset(done, 0, sizeof done);
  memset(heard, 0, sizeof heard);
  memset(refs, 0, sizeof refs);
}

static int count_object(void *object, void *count) {
  fprintf(stderr, "twin: left: %s %p\n", ouro_type_of(object)->name, object);
  ++*(size_t *)count;
  return 0;
}

static void let_all_go(void) {
  quiet = true;
  if (frozen) ouro_gc_unfreeze();
  clear_table(roots, ROOTS);
  clear_table(reserved, NUMBERS);
  clear_table(weak, WEAK);
  clear_table(weak_made, NUMBERS);
  clear_table(fins, FINALIZERS);
  for (size_t i = 0; i < NUMBERS; i++) {
    if (not_at_exit[i]) ouro_finalizer_detach(not_at_exit[i]);
  }
  clear_table(not_at_exit, NUMBERS);
  ouro_finalizers_run();
  CHECK(ouro_gc_collect(2) >= 0);
}

static size_t count_left(void) {
  size_t left = 0;
  CHECK(ouro_each_object(count_object, &left) == 0);
  return left;
}

static void end(void) {
  let_all_go();
  size_t left = count_left();
  emit(EVENT_END, left, verified("the end"), 0);
}

static void run(const byte *program, size_t count) {
  size_t wrong = 0;
  for (size_t i = 0; i < count; i++, program += 6) {
    emit(EVENT_OP, i, 0, 0);
    CHECK(program[0] < sizeof ops / sizeof *ops);
    ops[program[0]](program + 1);
    if (verify_always && (wrong = verified("an operation")) != 0) break;
  }
  tell_state();
  end();
  if (wrong) emit(EVENT_END, 0, wrong, 0);
}

static void write_events(void) {
  uint32_t count = (uint32_t)event_count;
  CHECK(fwrite(&count, sizeof count, 1, stdout) == 1);
  CHECK(fwrite(events, sizeof *events, event_count, stdout) == event_count);
  CHECK(fflush(stdout) == 0);
}

static byte *read_program(byte head[4], byte *program) {
  if (fread(head, 4, 1, stdin) != 1) return NULL;
  size_t count = head[0] + 256u * head[1];
  CHECK(count <= 256 && fread(program, 6, count, stdin) == count);
  return program;
}

/* ---------------------------------------------------------------- many at once */

enum { POOL = 8, MOST_THREADS = 16 };

static _Atomic(void *) pool[POOL]; /* owned */
static pthread_barrier_t barrier;
static struct job {
  byte head[4], program[256 * 6];
  bool there; /* false: the end */
} jobs[MOST_THREADS];

static void meet(void) {
  ouro_blocking_begin();
  pthread_barrier_wait(&barrier);
  ouro_blocking_end();
}

/* As run, but that roots go through the pool. */
static void run_among_others(const byte *program, size_t count) {
  for (size_t i = 0; i < count; i++, program += 6) {
    void **root = &roots[program[5] % ROOTS];
    if (program[4] % 4 == 0) *root = atomic_exchange(&pool[program[3] % POOL], *root);
    ops[program[0]](program + 1);
    ouro_safepoint();
  }
  tell_state();
  let_all_go();
}

static void *run_jobs(void *job) {
  struct job *mine = job;
  for (;;) {
    meet();
    if (!mine->there) return NULL;
    begin(mine->head[2]);
    run_among_others(mine->program, mine->head[0] + 256u * mine->head[1]);
    meet();
  }
}

/* All stand still, and have let go of what they had. */
static void check_the_round(size_t round) {
  char when[32];
  snprintf(when, sizeof when, "round %zu", round);
  CHECK(verified(when) == 0);
  quiet = true;
  for (size_t i = 0; i < POOL; i++) ouro_xdecref(atomic_exchange(&pool[i], NULL));
  CHECK(ouro_gc_set_debug(0) == 0);
  ouro_gc_garbage_clear();
  ouro_gc_unfreeze();
  ouro_finalizers_run();
  CHECK(ouro_gc_collect(2) >= 0);
  if (count_left() != 0 || verified(when) != 0) fail(when);
}

static bool read_jobs(size_t threads) {
  bool any = false;
  for (size_t i = 0; i < threads; i++) {
    jobs[i].there = read_program(jobs[i].head, jobs[i].program) != NULL;
    any |= jobs[i].there;
    if (!jobs[i].there) memset(jobs[i].head, 0, 4);
  }
  for (size_t i = 0; i < threads; i++) jobs[i].there = any;
  return any;
}

static void run_many(size_t threads) {
  pthread_t thread[MOST_THREADS];
  CHECK(threads > 0 && threads <= MOST_THREADS);
  many = true;
  CHECK(pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1) == 0);
  for (size_t i = 0; i < threads; i++) CHECK(pthread_create(&thread[i], NULL, run_jobs, &jobs[i]) == 0);
  for (size_t round = 0; read_jobs(threads); round++) {
    meet();
    meet();
    check_the_round(round);
  }
  meet();
  for (size_t i = 0; i < threads; i++) CHECK(pthread_join(thread[i], NULL) == 0);
}

int main(int argc, char **argv) {
  static byte program[256 * 6];
  byte head[4];
  if (argc > 2 && strcmp(argv[1], "--threads") == 0) {
    run_many(strtoul(argv[2], NULL, 10));
    return 0;
  }
  verify_always = argc > 1 && strcmp(argv[1], "--verify") == 0;
  ouro_gc_disable();
  CHECK(ouro_gc_callback_add(tell_collection, NULL) == 0);
  while (read_program(head, program) != NULL) {
    begin(head[2]);
    run(program, head[0] + 256u * head[1]);
    write_events();
  }
  CHECK(ouro_gc_callback_remove(tell_collection, NULL) == 0);
  return 0;
}
