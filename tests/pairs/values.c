/* tests/pairs/values.c - every operation of a value that can change, against every other one of the same kind, on one object that two threads
 * share: both go on at once, and afterwards the object is sound, all counts are right, and nothing is left when it has gone.
 *
 * usage: values                      all pairs; prints TAP: a line for each first operation
 *        values FIRST [SECOND]       those alone, by name
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, threads. */
#include "thread/things.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "values/sequence.h"
#include "values/table.h"

enum { CALLS = 60, KEYS = 6 };

/* What both threads see, made anew for each pair. */
static struct {
  ouro_list *list;
  ouro_dict *dict;
  ouro_set *set;
  ouro_buffer *buffer;
  void *plain, *slots;         /* an instance with a dictionary, one with slots */
  void *generator, *iterator;  /* one that counts to 1,000; one of a list's */
} all;

static ouro_class *plain_class, *slots_class; /* made once */

static void *keys[KEYS], *items[KEYS], *names[KEYS], *few, *called; /* made once */

typedef struct side {
  unsigned number, turn;
} side;

typedef struct operation {
  const char *name;
  void (*call)(side *me);
} operation;

#define BODY(name) static void name(side *me)
#define ENTRY(name) {#name, name}
/* What was there may be gone by now. */
static void may_miss(int code) { TEST_CHECK(code >= 0 || code == OURO_EINDEX || code == OURO_EKEY || code == OURO_ECHANGED); }

static void *key(const side *me) { return keys[(me->turn * 3 + me->number) % KEYS]; }
static void *item(const side *me) { return items[(me->turn + me->number) % KEYS]; }
static void *name(const side *me) { return names[(me->turn + me->number) % KEYS]; }
static ptrdiff_t place(const side *me) { return (ptrdiff_t)(me->turn % 7) - 3; }

/* What a function gave, if anything. */
static void let_go(int code, void *const *given) {
  may_miss(code);
  ouro_xdecref(*given);
}

/* ---------------------------------------------------------------- list */

BODY(list_append) { TEST_CHECK(ouro_list_append(all.list, item(me)) == OURO_OK); }
BODY(list_get) {
  void *given = NULL;
  let_go(ouro_list_get(all.list, place(me), &given), &given);
}
BODY(list_set) { may_miss(ouro_list_set(all.list, place(me), item(me))); }
BODY(list_insert) { may_miss(ouro_list_insert(all.list, place(me), item(me))); }
BODY(list_pop) {
  void *given = NULL;
  let_go(ouro_list_pop(all.list, place(me), &given), &given);
}
BODY(list_delete) { may_miss(ouro_list_delete(all.list, place(me))); }
BODY(list_contains) { may_miss(ouro_list_contains(all.list, key(me))); }
BODY(list_remove) { may_miss(ouro_list_remove(all.list, item(me))); }
BODY(list_extend) { may_miss(ouro_list_extend(all.list, me->turn % 16 ? few : (void *)all.list)); } /* by itself not too often */
BODY(list_clear) {
  if (me->turn % 3 == 2) ouro_list_clear(all.list);
}
BODY(list_reverse) {
  (void)me;
  ouro_list_reverse(all.list);
}
BODY(list_slice) {
  void *given = ouro_list_slice(all.list, place(me), OURO_LEFT_OUT, 1);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
}
BODY(list_slice_set) { may_miss(ouro_list_slice_set(all.list, 1, 3, 1, few)); (void)me; }
BODY(list_sort) {
  int code = ouro_list_sort(all.list, NULL, me->turn % 2);
  TEST_CHECK(code == OURO_OK || code == OURO_ECHANGED || code == OURO_ETYPE);
}
BODY(list_next) {
  size_t cursor = 0;
  void *given = NULL;
  for (int i = 0; i < 5 && ouro_list_next(all.list, &cursor, &given) == 1; i++) ouro_decref(given);
  (void)me;
}
BODY(list_equal) {
  may_miss(ouro_equal(all.list, few));
  (void)me;
}
BODY(list_repr) {
  void *given = ouro_repr(all.list);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(list_deepcopy) {
  void *given = ouro_deepcopy(all.list);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(list_sizeof) {
  TEST_CHECK(ouro_sizeof(all.list) > 0);
  (void)me;
}

static const operation list_operations[] = {
    ENTRY(list_append), ENTRY(list_get),    ENTRY(list_set),     ENTRY(list_insert),    ENTRY(list_pop),  ENTRY(list_delete),
    ENTRY(list_contains), ENTRY(list_remove), ENTRY(list_extend), ENTRY(list_clear),    ENTRY(list_reverse), ENTRY(list_slice),
    ENTRY(list_slice_set), ENTRY(list_sort), ENTRY(list_next),   ENTRY(list_equal),     ENTRY(list_repr), ENTRY(list_deepcopy),
    ENTRY(list_sizeof), {NULL, NULL}};

/* ---------------------------------------------------------------- dict */

BODY(dict_get) {
  void *given = NULL;
  let_go(ouro_dict_get(all.dict, key(me), &given), &given);
}
BODY(dict_contains) { may_miss(ouro_dict_contains(all.dict, key(me))); }
BODY(dict_set) { TEST_CHECK(ouro_dict_set(all.dict, key(me), item(me)) == OURO_OK); }
BODY(dict_set_int) {
  void *number = ouro_int_new((int64_t)me->turn * 1000);
  TEST_CHECK(ouro_dict_set(all.dict, number, item(me)) == OURO_OK);
  ouro_decref(number);
}
BODY(dict_set_default) {
  void *given = NULL;
  let_go(ouro_dict_set_default(all.dict, key(me), item(me), &given), &given);
}
BODY(dict_delete) { may_miss(ouro_dict_delete(all.dict, key(me))); }
BODY(dict_pop) {
  void *given = NULL;
  let_go(ouro_dict_pop(all.dict, key(me), &given), &given);
}
BODY(dict_popitem) {
  void *first = NULL, *second = NULL;
  let_go(ouro_dict_popitem(all.dict, &first, &second), &first);
  ouro_xdecref(second);
  (void)me;
}
BODY(dict_clear) {
  if (me->turn % 3 == 2) ouro_dict_clear(all.dict);
}
BODY(dict_update) {
  may_miss(ouro_dict_update(all.dict, all.dict));
  (void)me;
}
BODY(dict_items) {
  void *given = ouro_dict_items(all.dict);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(dict_next) {
  size_t cursor = 0;
  void *first, *second;
  for (int i = 0; i < 5 && ouro_dict_next(all.dict, &cursor, &first, &second) == 1; i++) {
    ouro_decref(first);
    ouro_decref(second);
  }
  (void)me;
}
BODY(dict_equal) {
  may_miss(ouro_equal(all.dict, all.dict));
  (void)me;
}
BODY(dict_repr) {
  void *given = ouro_repr(all.dict);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(dict_deepcopy) {
  void *given = ouro_deepcopy(all.dict);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(dict_json) {
  void *given = ouro_json_text(all.dict, NULL);
  ouro_xdecref(given);
  (void)me;
}

static const operation dict_operations[] = {
    ENTRY(dict_get),    ENTRY(dict_contains), ENTRY(dict_set),    ENTRY(dict_set_int), ENTRY(dict_set_default), ENTRY(dict_delete),
    ENTRY(dict_pop),    ENTRY(dict_popitem),  ENTRY(dict_clear),  ENTRY(dict_update),  ENTRY(dict_items),       ENTRY(dict_next),
    ENTRY(dict_equal),  ENTRY(dict_repr),     ENTRY(dict_deepcopy), ENTRY(dict_json),  {NULL, NULL}};

/* ---------------------------------------------------------------- set */

BODY(set_add) { may_miss(ouro_set_add(all.set, key(me))); }
BODY(set_discard) { may_miss(ouro_set_discard(all.set, key(me))); }
BODY(set_contains) { may_miss(ouro_set_contains(all.set, key(me))); }
BODY(set_pop) {
  void *given = NULL;
  let_go(ouro_set_pop(all.set, &given), &given);
  (void)me;
}
BODY(set_clear) {
  if (me->turn % 3 == 2) ouro_set_clear(all.set);
}
BODY(set_next) {
  size_t cursor = 0;
  void *given;
  for (int i = 0; i < 5 && ouro_set_next(all.set, &cursor, &given) == 1; i++) ouro_decref(given);
  (void)me;
}
BODY(set_union) {
  void *given = ouro_set_union(all.set, few);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(set_update) {
  may_miss(ouro_set_update(all.set, few));
  (void)me;
}
BODY(set_intersection_update) {
  may_miss(ouro_set_intersection_update(all.set, few));
  (void)me;
}
BODY(set_difference_update) {
  may_miss(ouro_set_difference_update(all.set, few));
  (void)me;
}
BODY(set_frozen) {
  void *given = ouro_frozenset_new(all.set);
  ouro_xdecref(given);
  (void)me;
}
BODY(set_repr) {
  void *given = ouro_repr(all.set);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}

static const operation set_operations[] = {
    ENTRY(set_add), ENTRY(set_discard), ENTRY(set_contains), ENTRY(set_pop), ENTRY(set_clear), ENTRY(set_next), ENTRY(set_union),
    ENTRY(set_update), ENTRY(set_intersection_update), ENTRY(set_difference_update), ENTRY(set_frozen), ENTRY(set_repr), {NULL, NULL}};

/* ---------------------------------------------------------------- buffer, interned strings */

BODY(buffer_append) {
  TEST_CHECK(ouro_buffer_append(all.buffer, "some bytes", 10) == OURO_OK);
  (void)me;
}
BODY(buffer_get) { may_miss(ouro_buffer_get(all.buffer, place(me))); }
BODY(buffer_set) { may_miss(ouro_buffer_set(all.buffer, place(me), 'x')); }
BODY(buffer_splice) { may_miss(ouro_buffer_splice(all.buffer, 0, me->turn % 4 == 0, "ab", 2)); }
BODY(buffer_clear) {
  if (me->turn % 3 == 2) ouro_buffer_clear(all.buffer);
}
BODY(buffer_to_bytes) {
  void *given = ouro_buffer_to_bytes(all.buffer);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
  (void)me;
}
BODY(intern) {
  char text[16];
  snprintf(text, sizeof text, "interned %u", me->turn % 3);
  void *given = ouro_intern_text(text), *again = ouro_intern_text(text);
  TEST_CHECK(given != NULL && given == again);
  ouro_decref(given);
  ouro_decref(again);
}

static const operation buffer_operations[] = {
    ENTRY(buffer_append), ENTRY(buffer_get), ENTRY(buffer_set), ENTRY(buffer_splice), ENTRY(buffer_clear), ENTRY(buffer_to_bytes),
    ENTRY(intern), {NULL, NULL}};

/* ---------------------------------------------------------------- instances and their class */

static ouro_attr_cache caches[2]; /* which the threads share as well */

static void *instance(const side *me) { return me->turn % 2 ? all.plain : all.slots; }

BODY(attr_set) { TEST_CHECK(ouro_attr_set(instance(me), name(me), item(me)) == OURO_OK); }
BODY(attr_get) {
  void *given = NULL;
  let_go(ouro_attr_get(instance(me), name(me), &given), &given);
}
BODY(attr_delete) { may_miss(ouro_attr_delete(instance(me), name(me))); }
BODY(attr_set_cached) { TEST_CHECK(ouro_attr_set_cached(instance(me), names[0], &caches[0], item(me)) == OURO_OK); }
BODY(attr_get_cached) {
  void *given = NULL;
  let_go(ouro_attr_get_cached(instance(me), names[0], &caches[0], &given), &given);
}
BODY(method_call) {
  void *given = NULL, *argument = item(me);
  let_go(ouro_method_call(instance(me), called, &caches[1], &argument, 1, &given), &given);
}
BODY(instance_attrs) {
  void *given = ouro_instance_attrs(instance(me));
  TEST_CHECK(given != NULL);
  ouro_decref(given);
}
BODY(instance_copy) {
  void *given = me->turn % 4 < 2 ? ouro_copy(instance(me)) : ouro_deepcopy(instance(me));
  TEST_CHECK(given != NULL);
  ouro_decref(given);
}
BODY(instance_new) {
  void *given = ouro_instance_new(me->turn % 2 ? plain_class : slots_class);
  TEST_CHECK(given != NULL);
  ouro_decref(given);
}
BODY(class_set) { TEST_CHECK(ouro_attr_set(plain_class, keys[0], item(me)) == OURO_OK); }
BODY(class_get) {
  void *given = NULL;
  let_go(ouro_attr_get(plain_class, keys[0], &given), &given);
  (void)me;
}
BODY(class_delete) {
  may_miss(ouro_attr_delete(plain_class, keys[0]));
  (void)me;
}

static const operation instance_operations[] = {
    ENTRY(attr_set),       ENTRY(attr_get),      ENTRY(attr_delete),  ENTRY(attr_set_cached), ENTRY(attr_get_cached), ENTRY(method_call),
    ENTRY(instance_attrs), ENTRY(instance_copy), ENTRY(instance_new), ENTRY(class_set),       ENTRY(class_get),       ENTRY(class_delete),
    {NULL, NULL}};

/* ---------------------------------------------------------------- generators and iterators */

struct counter {
  ouro_generator base;
  int64_t i;
};

static int count_on(struct counter *self, ouro_slot item_) {
  OURO_GENERATOR_BEGIN(self);
  for (self->i = 0; self->i < 1000; self->i++) OURO_YIELD(self, item_, ouro_int_new(self->i));
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(counter_type, "counter", struct counter, count_on, NULL);

static void step(int code, void *const *given) {
  TEST_CHECK(code >= 0 || code == OURO_EBUSY || code == OURO_ERAISED || code == OURO_ECHANGED || code == OURO_ETYPE || code == OURO_EINVAL);
  if (code == OURO_ERAISED) ouro_xdecref(ouro_raised_take());
  if (given) ouro_xdecref(*given);
}

BODY(generator_next) {
  void *given = NULL;
  step(ouro_next(all.generator, &given), &given);
  (void)me;
}
BODY(generator_send) {
  void *given = NULL;
  step(ouro_generator_send(all.generator, item(me), &given), &given);
}
BODY(generator_throw) {
  void *given = NULL;
  if (me->turn % 8 == 7) step(ouro_generator_throw(all.generator, item(me), &given), &given);
}
BODY(generator_close) {
  if (me->turn % 8 == 6) step(ouro_generator_close(all.generator), NULL);
}
BODY(generator_result) {
  void *given = ouro_generator_result(all.generator);
  ouro_xdecref(given);
  (void)me;
}
BODY(iterator_next) {
  void *given = NULL;
  step(ouro_next(all.iterator, &given), &given);
  (void)me;
}
BODY(iterator_append) { TEST_CHECK(ouro_list_append(all.list, item(me)) == OURO_OK); }

static const operation generator_operations[] = {
    ENTRY(generator_next),   ENTRY(generator_send), ENTRY(generator_throw), ENTRY(generator_close),
    ENTRY(generator_result), ENTRY(iterator_next),  ENTRY(iterator_append), {NULL, NULL}};

/* ---------------------------------------------------------------- a pair */

static const operation *const kinds[] = {list_operations,   dict_operations,     set_operations,
                                         buffer_operations, instance_operations, generator_operations};

/* So that reads begin without a lock, as they do after some thousands; who changes the object closes it. */
static void open_to_readers(void *object) {
  ouro_section section;
  ouro_section_begin(&section, object);
  ouro__open(object);
  ouro_section_end(&section);
}

static void make_all(void) {
  all.list = ouro_list_new_items(KEYS, items);
  all.dict = ouro_dict_new();
  all.set = ouro_set_new();
  all.buffer = ouro_buffer_new();
  all.plain = ouro_instance_new(plain_class);
  all.slots = ouro_instance_new(slots_class);
  all.generator = ouro_generator_new(&counter_type);
  TEST_CHECK(ouro_iterate(all.list, &all.iterator) == OURO_OK);
  void *const opened[] = {all.list, all.dict, all.set, all.buffer, all.plain, all.slots};
  for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++) open_to_readers(opened[i]);
  for (int i = 0; i < KEYS; i += 2) {
    TEST_CHECK(ouro_dict_set(all.dict, keys[i], items[i]) == OURO_OK);
    TEST_CHECK(ouro_set_add(all.set, keys[i]) >= 0);
  }
}

static void drop_all(void) {
  drop(all.list);
  drop(all.dict);
  drop(all.set);
  drop(all.buffer);
  drop(all.plain);
  drop(all.slots);
  drop(all.generator);
  drop(all.iterator);
}

static int give_back(void *self, void *const *args, size_t count, ouro_slot result) {
  TEST_CHECK(self != NULL && count == 1);
  *(void **)result = ouro_newref(args[0]);
  return OURO_OK;
}

static void make_classes(void) {
  static const char *const slots[] = {"key 0", "key 1", "key 2", "key 3", "key 4", "key 5", NULL};
  static const ouro_method_def methods[] = {{"call", give_back}, {NULL, NULL}};
  plain_class = ouro_class_new(&(ouro_class_def){.name = "Plain", .methods = methods, .flags = OURO_CLASS_DICT});
  slots_class = ouro_class_new(&(ouro_class_def){.name = "Slots", .methods = methods, .slots = slots});
  TEST_CHECK(plain_class != NULL && slots_class != NULL);
  called = ouro_intern_text("call");
}

static void make_constants(void) {
  char text[16];
  for (int i = 0; i < KEYS; i++) {
    snprintf(text, sizeof text, "key %d", i);
    items[i] = ouro_int_new(10000 + i);
    names[i] = ouro_intern_text(text);
    keys[i] = i % 3 == 2 ? ouro_tuple_of(2, items[i], names[i]) : ouro_str_from(text);
    TEST_CHECK(items[i] != NULL && names[i] != NULL && keys[i] != NULL);
  }
  few = ouro_list_new_items(3, items);
  make_classes();
}

static void drop_constants(void) {
  for (int i = 0; i < KEYS; i++) {
    drop(keys[i]);
    drop(items[i]);
    drop(names[i]);
  }
  drop(few);
  drop(called);
  drop(plain_class);
  drop(slots_class);
}

static const operation *now[2]; /* [1]: NULL, the end */
static pthread_barrier_t barrier;

static void take_part(unsigned number) {
  side me = {.number = number};
  meet(&barrier);
  for (me.turn = 0; me.turn < CALLS; me.turn++) {
    now[number]->call(&me);
    if (me.turn % 8 == 7) ouro_safepoint();
  }
  meet(&barrier);
}

static void *be_the_other(void *arg) {
  for (;;) {
    meet(&barrier);
    if (now[1] == NULL) return arg;
    take_part(1);
  }
}

static const char *what_is_wrong(void) {
  static char text[256];
  if (!ouro__list_valid(all.list)) return "the list is not as its invariants say";
  if (!ouro__dict_valid(all.dict)) return "the dict is not as its invariants say";
  if (!ouro__set_valid(all.set)) return "the set is not as its invariants say";
  return ouro_gc_verify(text, sizeof text) != 0 ? text : NULL;
}

static const char *run_pair(const operation *first, const operation *second) {
  now[0] = first;
  now[1] = second;
  make_all();
  meet(&barrier);
  take_part(0);
  const char *wrong = what_is_wrong();
  drop_all();
  return wrong;
}

/* ---------------------------------------------------------------- all pairs */

static void say_what_ran(int number) {
  char text[256];
  int length = snprintf(text, sizeof text, "# signal %d in the pair %s %s\n", number, now[0] ? now[0]->name : "", now[1] ? now[1]->name : "");
  ssize_t written = write(1, text, (size_t)length);
  (void)written;
  _exit(1);
}

static void run_row(size_t number, const operation *first, const operation *kind, const char *second) {
  for (const operation *one = kind; one->name != NULL; one++) {
    if (second != NULL && strcmp(second, one->name) != 0) continue;
    const char *wrong = run_pair(first, one);
    if (wrong == NULL) continue;
    printf("not ok %zu - %s\n# with %s: %s\n", number, first->name, one->name, wrong);
    exit(1); /* what follows would fail as well */
  }
  printf("ok %zu - %s, and each other operation in another thread\n", number, first->name);
  fflush(stdout);
}

static size_t run_all(const char *first, const char *second) {
  size_t number = 0;
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    for (const operation *one = kinds[kind]; one->name != NULL; one++) {
      if (first == NULL || strcmp(first, one->name) == 0) run_row(++number, one, kinds[kind], second);
    }
  }
  return number;
}

static int say(void *arg, const char *text, size_t length) {
  (void)arg;
  printf("# ");
  for (size_t i = 0; i < length; i++) printf(text[i] == '\n' && i + 1 < length ? "\n# " : "%c", text[i]);
  return 0;
}

static size_t live(void) {
  ouro_type_stats stats[64];
  size_t types = ouro_type_stats_get(stats, 64), objects = 0;
  for (size_t i = 0; i < types && i < 64; i++) objects += stats[i].objects;
  return objects;
}

int main(int argc, char **argv) {
  pthread_t other;
  signal(SIGABRT, say_what_ran);
  size_t before = live();
  make_constants();
  TEST_CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  TEST_CHECK(pthread_create(&other, NULL, be_the_other, NULL) == 0);
  size_t number = run_all(argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
  now[1] = NULL;
  meet(&barrier);
  TEST_CHECK(pthread_join(other, NULL) == 0);
  drop_constants();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  size_t after = live();
  printf("%s %zu - nothing is left of what they made\n", after == before ? "ok" : "not ok", ++number);
  if (after != before) ouro_leaks_report(say, NULL);
  printf("1..%zu\n", number);
  return after != before;
}
