/* tests/gcfaults/collector.c - scenarios of collections, and of all that can be asked of the collector. */
#include "gcfaults.h"

static ouro_type stubborn_type = {
    .name = "stubborn", .size = sizeof(cell), .references = CELL_SLOTS, .flags = OURO_TYPE_UNCOLLECTABLE};

/* ---------------------------------------------------------------- collections */

static void *prepared; /* owned: made before allocations fail */
static void *saved[4]; /* owned: by finalizers */

void release_prepared(void) { ouro_clear(&prepared); }

void release_saved(void) {
  for (size_t i = 0; i < 4; i++) ouro_clear(&saved[i]);
}

static list *prepare_list(size_t count) {
  list *made = got(ouro_new_var(&list_type, count));
  for (size_t i = 0; i < count; i++) {
    ouro_ref item = got(ouro_new(&cell_type));
    ouro_movref(&made->item[i], item);
  }
  prepared = made;
  return made;
}

/* More references to one object than a byte counts. */
static void prepare_hub(void) {
  list *made = prepare_list(600);
  for (size_t i = 0; i < 600; i++) {
    ouro_setref(&((cell *)made->item[i])->left, made->item[0]);
    ouro_setref(&((cell *)made->item[i])->right, made->item[i % 2]);
  }
}

/* More objects reached at once than the collector's first stack holds, each of which leads on. */
static void prepare_fan(void) {
  list *made = prepare_list(3000);
  for (size_t i = 0; i < 3000; i++) {
    ouro_ref leaf = got(ouro_new(&cell_type));
    ouro_setref(&((cell *)leaf)->left, made);
    ouro_movref(&((cell *)made->item[i])->left, leaf);
  }
}

static void prepare_chain(void) {
  for (size_t i = 0; i < 5000; i++) {
    cell *made = new_cell(i % 3 ? &cell_type : &final_type);
    ouro_movref(&made->left, prepared);
    prepared = made;
  }
}

/* What is prepared lives through collections, and then goes. */
static void collect_prepared(void) {
  for (int generation = 0; generation < 3; generation++) collect(generation);
  list *it = prepared;
  ouro_setref(&it->item[it->base.count - 1], it); /* the last one to be cleared */
  ouro_clear(&prepared);
  collect(2);
}

static void save(cell *self) {
  for (size_t i = 0; i < 4; i++) {
    if (saved[i]) continue;
    ouro_setref(&saved[i], self);
    break;
  }
}

static size_t calls;

static void count_call(void *data, void *held) {
  TEST_CHECK(data == &calls);
  (void)held;
  calls++;
}

static void make_things(cell *self) {
  ouro_movref(&self->right, got(ouro_new(&cell_type)));
  ouro_xdecref(got(ouro_weak_new(self)));
  drop_cycle(&cell_type, NULL);
  ouro_xdecref(got(ouro_finalize(self, count_call, &calls, self->right)));
}

static void acting_finalizers(void) {
  static void (*const acts[])(cell * self) = {save, make_things, NULL, save};
  for (int i = 0; i < 8; i++) {
    cell *made = new_cell(&final_type);
    if (!made) continue;
    made->act = acts[i % 4];
    if (i >= 4) ouro_setref(&made->left, made);
    ouro_decref(made);
  }
  collect(2);
  release_saved();
  ouro_finalizers_run();
  collect(2);
}

/* ---------------------------------------------------------------- what is told about collections, and asked of the collector */

static void called_back(const ouro_gc_info *info, void *count) {
  TEST_CHECK(info->generation >= 0 && info->generation < 3);
  ++*(size_t *)count;
}

static void gc_callbacks(void) {
  enum { COUNT = 6 };
  size_t counts[COUNT] = {0};
  bool added[COUNT];
  for (size_t i = 0; i < COUNT; i++) added[i] = done(ouro_gc_callback_add(called_back, &counts[i]));
  drop_cycle(&cell_type, NULL);
  collect(2);
  for (size_t i = 0; i < COUNT; i++) {
    SURE(counts[i] == 2);
    TEST_CHECK(ouro_gc_callback_remove(called_back, &counts[i]) == (added[i] ? OURO_OK : OURO_EINVAL));
  }
}

static void swallow(void *count, const char *text, size_t length) {
  TEST_CHECK(text);
  *(size_t *)count += length;
}

static void garbage_list(void) {
  size_t said = 0;
  cell *stubborn = new_cell(&stubborn_type); /* not ours any more after this, but alive */
  ouro_gc_set_debug_writer(swallow, &said);
  TEST_CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_LEAK | OURO_GC_DEBUG_STATS) == 0 && ouro_gc_get_debug() == (38 | 1));
  if (stubborn) {
    ouro_movref(&stubborn->right, got(ouro_new(&cell_type)));
    ouro_movref(&stubborn->left, stubborn);
  }
  for (int i = 0; i < 20; i++) drop_cycle(&cell_type, NULL);
  collect(2);
  SURE(said > 0 && ouro_gc_garbage_count() == 21 && ouro_gc_garbage_at(20) && !ouro_gc_garbage_at(21));
  TEST_CHECK(ouro_gc_set_debug(0) == 0);
  ouro_gc_set_debug_writer(NULL, NULL);
  ouro_gc_garbage_clear();
  TEST_CHECK(ouro_gc_garbage_count() == 0);
  if (stubborn) {
    ouro_incref(stubborn);
    ouro_clear(&stubborn->left);
    ouro_gc_garbage_clear();
    ouro_decref(stubborn);
  }
  collect(2);
}

static int count_object(void *object, void *count) {
  TEST_CHECK(object);
  ++*(size_t *)count;
  return 0;
}

static int swallow_more(void *count, const char *text, size_t length) {
  swallow(count, text, length);
  return 0;
}

static void looking(void) {
  size_t count = 0, said = 0;
  cell *holder = new_cell(&cell_type), *other = new_cell(&cell_type);
  if (holder) ouro_setref(&holder->left, other);
  for (int generation = -1; generation < 3; generation++) {
    TEST_CHECK(done(ouro_gc_get_objects(generation, count_object, &count)));
  }
  count = 0;
  void *objects[] = {holder ? holder : other, other};
  if (other) {
    done(ouro_gc_get_referrers(objects + 1, 1, count_object, &count));
    done(ouro_gc_get_referents(objects, 2, count_object, &count));
    TEST_CHECK(ouro_gc_is_tracked(other) && !ouro_gc_is_finalized(other));
    TEST_CHECK(ouro_refcount(other) == 1u + (holder != NULL));
    ouro_gc_untrack(other);
    TEST_CHECK(!ouro_gc_is_tracked(other) && ouro_gc_track(other) == 0 && ouro_gc_is_tracked(other));
  }
  SURE(count == 2);
  TEST_CHECK(done(ouro_each_object(count_object, &count)));
  ouro_type_stats stats[8];
  size_t types = ouro_type_stats_get(stats, 8);
  SURE(types > 0);
  ptrdiff_t live = ouro_leaks_report(swallow_more, &said);
  if (live < 0) TEST_CHECK(!done((int)live));
  SURE(said > 0 && live >= 2);
  ouro_xdecref(holder);
  ouro_xdecref(other);
}

static void freezing(void) {
  void *objects[10] = {NULL};
  make_all(objects, 10);
  ouro_gc_freeze();
  SURE(ouro_gc_get_freeze_count() >= 10);
  drop_cycle(&cell_type, objects[0]);
  collect(2);
  drop_all(objects, 5);
  ouro_gc_unfreeze();
  TEST_CHECK(ouro_gc_get_freeze_count() == 0);
  collect(2);
  drop_all(objects, 10);
}

static void automatic_collections(void) {
  int before[OURO_GENERATIONS], count[OURO_GENERATIONS];
  ouro_gc_stats stats[OURO_GENERATIONS];
  ouro_gc_get_threshold(before);
  TEST_CHECK(ouro_gc_set_threshold((const int[]){3, 1, 1}) == 0);
  bool enabled = ouro_gc_enable();
  TEST_CHECK(ouro_gc_is_enabled());
  for (int i = 0; i < 20; i++) {
    drop_cycle(i % 4 ? &cell_type : &final_type, NULL);
    ouro_safepoint();
    if (i == 15) ouro_gc_set_stress(1);
    if (i == 17) ouro_gc_set_stress(2);
  }
  ouro_gc_set_stress(0);
  ouro_gc_get_count(count);
  ouro_gc_get_stats(stats);
  SURE(stats[0].collections > 0);
  TEST_CHECK(ouro_gc_set_threshold(before) == 0);
  if (!enabled) ouro_gc_disable();
  collect(2);
}

static void verifying(void) {
  char text[200] = "";
  drop_cycle(&cell_type, NULL);
  if (ouro_gc_verify(text, sizeof text) != 0) {
    TEST_CHECK(strstr(text, "no memory"));
    TEST_CHECK(!point.strict && refused());
  }
  collect(2);
}

/* An immortal object is left behind by each run. */
static void other_counts(void) {
  ouro_ref immortal = got(ouro_new(&cell_type)), deferred = got(ouro_new(&cell_type));
  TEST_CHECK(!immortal || (ouro_make_immortal(immortal) == 0 && ouro_is_immortal(immortal)));
  int result = deferred ? ouro_defer(deferred) : OURO_OK;
  TEST_CHECK(!deferred || ouro_is_deferred(deferred) == (result == OURO_OK));
  if (result == OURO_ENOMEM) TEST_CHECK(!point.strict && refused());
  ouro_xdecref(deferred);
  collect(2);
}

const scenario collector_scenarios[] = {
    {"a hub", collect_prepared, prepare_hub, false},
    {"a fan", collect_prepared, prepare_fan, false},
    {"a chain", release_prepared, prepare_chain, false},
    {"acting finalizers", acting_finalizers, NULL, false},
    {"callbacks of the collector", gc_callbacks, NULL, false},
    {"garbage list", garbage_list, NULL, false},
    {"looking", looking, NULL, false},
    {"freezing", freezing, NULL, false},
    {"automatic collections", automatic_collections, NULL, false},
    {"verifying", verifying, NULL, false},
    {"other counts", other_counts, NULL, false},
    {NULL, NULL, NULL, false},
};
