/* values/weak_set.c - sets of objects that leave when they die. */
#include "values/weak_table.h"

struct ouro_weak_set {
  ouro__weak_container base;
};

static uint64_t hash_of(const ouro__weak_entry *entry) { return ouro__hash_address(entry->member); }

static const ouro__weak_kind kind = {.stride = sizeof(ouro__weak_entry), .hash = hash_of};

/* It owns nothing that could lead back to it. */
static ouro_type type = {
    .name = "weak set",
    .size = sizeof(ouro_weak_set),
    .references = OURO_WEAK_CONTAINER_REFERENCES,
    .visit = ouro__weak_table_visit,
    .release = ouro__weak_table_release,
    .flags = OURO_TYPE_ACYCLIC,
};

ouro_ref ouro_weak_set_new(void) { return ouro__weak_table_new(&type, &kind); }

size_t ouro_weak_set_count(const ouro_weak_set *set) { return set ? ouro__weak_table_count(&set->base) : 0; }

int ouro_weak_set_add(ouro_weak_set *set, void *object) {
  return set && object ? ouro__weak_table_put(&set->base, object, NULL) : OURO_EINVAL;
}

bool ouro_weak_set_has(const ouro_weak_set *set, const void *object) {
  if (!set || !object) return false;
  bool locked = ouro__weak_table_lock(&set->base);
  bool has = ouro__weak_table_find(&set->base, object, ouro__hash_address(object));
  ouro__weak_table_unlock(&set->base, locked);
  return has;
}

bool ouro_weak_set_remove(ouro_weak_set *set, const void *object) { return set && object && ouro__weak_table_drop(&set->base, object); }

int ouro_weak_set_each(ouro_weak_set *set, ouro_object_fn visit, void *arg) {
  ouro__weak_walk walk;
  int stop = 0;
  if (!set || !visit) return OURO_EINVAL;
  ouro__weak_table_walk_begin(&set->base, &walk);
  while (!stop && ouro__weak_table_walk_next(&set->base, &walk)) {
    stop = visit(walk.member, arg);
    ouro_decref(walk.member);
  }
  ouro__weak_table_walk_end(&set->base, &walk);
  return stop ? OURO_ESTOP : OURO_OK;
}

void ouro_weak_set_clear(ouro_weak_set *set) {
  if (set) ouro__weak_table_remove_all(&set->base);
}
