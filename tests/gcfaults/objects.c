/* tests/gcfaults/objects.c - scenarios of objects and types; and what all scenarios share. */
#include "gcfaults.h"

#include "heap/heap.h"
#include "os/os_fault.h"

/* ---------------------------------------------------------------- what may fail */

test_point point;

bool refused(void) { return ouro__fault_hit() || ouro__os_fail_hits() > 0; }

void *got(void *result) {
  if (!result) {
    TEST_CHECK(errno == ENOMEM);
    TEST_CHECK(!point.strict);
    TEST_CHECK(refused());
  }
  errno = 0;
  return result;
}

bool done(int code) {
  if (code != OURO_OK) {
    TEST_CHECK(code == OURO_ENOMEM);
    TEST_CHECK(!point.strict);
    TEST_CHECK(refused());
  }
  return code == OURO_OK;
}

/* ---------------------------------------------------------------- types */

static void finalize_cell(void *self) {
  cell *it = self;
  if (it->act) it->act(it);
}

typedef struct bytes {
  ouro_var base;
  char byte[];
} bytes;

/* Words that hold an object and a tag; 1: none. */
typedef struct tagged {
  ouro_object base;
  uintptr_t word[3];
} tagged;

static void visit_tagged(void *self, ouro_visitor *visitor) {
  tagged *it = self;
  for (size_t i = 0; i < 3; i++) ouro_visit_tagged(visitor, &it->word[i], (void *)(it->word[i] & ~(uintptr_t)1), 1);
}

ouro_type cell_type = {.name = "cell", .size = sizeof(cell), .references = CELL_SLOTS};
ouro_type final_type = {.name = "final", .size = sizeof(cell), .references = CELL_SLOTS, .finalize = finalize_cell};
ouro_type list_type = {
    .name = "list", .size = sizeof(list), .item_size = sizeof(void *), .flags = OURO_TYPE_ITEMS};
static ouro_type tuple_type = {.name = "tuple",
                               .size = sizeof(list),
                               .item_size = sizeof(void *),
                               .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE};
static ouro_type bytes_type = {.name = "bytes", .size = sizeof(bytes), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};
static ouro_type tagged_type = {.name = "tagged", .size = sizeof(tagged), .visit = visit_tagged};

cell *new_cell(ouro_type *type) { return got(ouro_new(type)); }

void drop_cycle(ouro_type *type, void *other) {
  cell *made = new_cell(type);
  if (!made) return;
  ouro_setref(&made->left, made);
  ouro_setref(&made->right, other);
  ouro_decref(made);
}

void collect(int generation) { TEST_CHECK(ouro_gc_collect(generation) >= 0); }

void make_all(void **objects, size_t count) {
  for (size_t i = 0; i < count; i++) objects[i] = got(ouro_new(&cell_type));
}

void drop_all(void **objects, size_t count) {
  for (size_t i = 0; i < count; i++) ouro_clear(&objects[i]);
}

/* ---------------------------------------------------------------- objects */

static void graphs(void) {
  void *root = NULL;
  for (int i = 0; i < 24; i++) {
    cell *made = new_cell(&cell_type);
    if (!made) continue;
    ouro_setref(&made->left, root);
    if (i % 8 == 7) ouro_setref(&made->right, made);
    ouro_movref(&root, made);
    if (i % 5 == 4) collect(i % 3);
  }
  ouro_clear(&root);
  for (int i = 0; i < 6; i++) drop_cycle(&cell_type, NULL);
  collect(2);
}

static void use_items(ouro_type *type, size_t count) {
  list *made = got(ouro_new_var(type, count));
  if (!made) return;
  TEST_CHECK(made->base.count == count && (count == 0 || test_all_bytes(made->item, 0, count * sizeof made->item[0])));
  for (size_t i = 0; i < count && i < 3; i++) {
    void *item = got(ouro_new(&cell_type));
    ouro_movref(&made->item[i], item);
  }
  ouro_decref(made);
}

static void sizes(void) {
  static const size_t counts[] = {0, 1, 7, 100, 5000, 300000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    use_items(&list_type, counts[i]);
    use_items(&tuple_type, counts[i]);
    bytes *made = got(ouro_new_var(&bytes_type, counts[i]));
    if (made) {
      TEST_CHECK(ouro_object_size(made) >= sizeof(bytes) + counts[i]);
      test_fill_sparse(made->byte, counts[i], i);
    }
    ouro_xdecref(made);
  }
}

static void extras(void) {
  for (size_t extra = 1; extra < 200000; extra *= 9) {
    ouro_ref plain = got(ouro_new_extra(&cell_type, 0, extra)), many = got(ouro_new_extra(&list_type, 5, extra));
    if (plain) test_fill_sparse(ouro_extra(plain), extra, extra);
    if (many) test_fill_sparse(ouro_extra(many), extra, extra);
    TEST_CHECK(!plain || test_holds_sparse(ouro_extra(plain), extra, extra));
    ouro_xdecref(plain);
    ouro_xdecref(many);
  }
}

static void tagged_words(void) {
  for (int i = 0; i < 8; i++) {
    tagged *made = got(ouro_new(&tagged_type));
    if (!made) continue;
    void *child = got(ouro_new(&cell_type));
    made->word[0] = child ? (uintptr_t)child | 1 : 1;
    ouro_incref(made);
    made->word[2] = (uintptr_t)made | 1;
    ouro_decref(made);
  }
  collect(1);
  collect(2);
}

/* ---------------------------------------------------------------- types */

static const uint32_t *scattered_slots(void) {
  static uint32_t slots[13];
  for (uint32_t i = 0; i < 12; i++) slots[i] = 16 + i * 16;
  slots[12] = UINT32_MAX;
  return slots;
}

/* `type` may be NULL. */
static void use_type(ouro_type *type, size_t slots) {
  for (int i = 0; type && i < 3; i++) {
    char *made = got(ouro_new(type));
    if (!made) continue;
    TEST_CHECK(ouro_is_instance(made, type) && ouro_type_of(made) == type);
    for (size_t slot = 0; slot < slots; slot += 5) ouro_setref(made + 16 + 16 * slot, made);
    ouro_decref(made);
  }
}

static void types_of_the_run(void) {
  ouro_type description = {.name = "scattered", .size = 16 + 12 * 16, .references = scattered_slots()};
  ouro_type *type = got(ouro_type_new(&description));
  ouro_type sub = {.name = "sub", .size = 16 + 13 * 16, .base = type, .references = OURO_REFERENCES(16 + 12 * 16)};
  ouro_type *subtype = type ? got(ouro_type_new(&sub)) : NULL;
  use_type(type, 12);
  use_type(subtype, 13);
  if (type) ouro_type_release(type); /* the subtype keeps it */
  use_type(subtype, 13);
  if (subtype) ouro_type_release(subtype);
  collect(2);
}

/* Types in static memory, looked at for the first time; `nth` of them for each run in a process. */
static void types_of_the_program(void) {
  static ouro_type fresh[8];
  static size_t nth;
  for (int i = 0; i < 2 && nth < 8; i++, nth++) {
    fresh[nth] = (ouro_type){.name = "fresh", .size = 16 + 12 * 16, .references = scattered_slots()};
    char text[100];
    if (i == 0 && !done(ouro_type_check(&fresh[nth], text, sizeof text))) TEST_CHECK(strstr(text, "memory"));
    use_type(&fresh[nth], 12);
  }
  collect(2);
}

const scenario object_scenarios[] = {
    {"graphs", graphs, NULL, false},
    {"sizes", sizes, NULL, false},
    {"extras", extras, NULL, false},
    {"tagged words", tagged_words, NULL, false},
    {"types of the run", types_of_the_run, NULL, false},
    {"types of the program", types_of_the_program, NULL, true},
    {NULL, NULL, NULL, false},
};
