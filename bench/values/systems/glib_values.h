/* glib_values.h - the workloads' values as GLib's, where it has the type: hash tables, arrays of pointers, strings. It counts no references: keys and
 * items of the workloads are shared, and released by who made them; numbers are blocks. */
#ifndef VALUES_GLIB_H
#define VALUES_GLIB_H

#include <glib.h>

typedef struct v_box {
  enum { V_INT, V_STR, V_TABLE, V_ARRAY } what;
  int references;
  union {
    gint64 number;
    char *text;
    GHashTable *table;
    GPtrArray *array;
  };
} v_box;
typedef v_box *value;

ALWAYS_INLINE void system_start(void) {}

ALWAYS_INLINE value v_box_(int what) {
  value v = g_new(v_box, 1);
  v->what = what;
  v->references = 1;
  return v;
}

static inline void v_drop(value v) {
  if (--v->references) return;
  switch (v->what) {
    case V_STR: g_free(v->text); break;
    case V_TABLE: g_hash_table_destroy(v->table); break;
    case V_ARRAY: g_ptr_array_free(v->array, TRUE); break;
    default: break;
  }
  g_free(v);
}

static inline void v_drop_(gpointer v) { v_drop(v); }

ALWAYS_INLINE value v_int(int64_t number) {
  value v = v_box_(V_INT);
  v->number = number;
  return v;
}
ALWAYS_INLINE value v_str(const char *text, size_t length) {
  value v = v_box_(V_STR);
  v->text = g_strndup(text, length);
  return v;
}

static inline guint v_hash_(gconstpointer key) {
  const v_box *v = key;
  return v->what == V_INT ? g_int64_hash(&v->number) : g_str_hash(v->text);
}
static inline gboolean v_equal_(gconstpointer first, gconstpointer second) {
  const v_box *a = first, *b = second;
  return a->what == b->what && (a->what == V_INT ? a->number == b->number : g_str_equal(a->text, b->text));
}

ALWAYS_INLINE value v_dict(void) {
  value v = v_box_(V_TABLE);
  v->table = g_hash_table_new_full(v_hash_, v_equal_, v_drop_, v_drop_);
  return v;
}
ALWAYS_INLINE void v_dict_set(value dict, value key, value item) {
  key->references++;
  item->references++;
  g_hash_table_insert(dict->table, key, item);
}
ALWAYS_INLINE bool v_dict_get(value dict, value key, value *item) {
  *item = g_hash_table_lookup(dict->table, key);
  if (*item) (*item)->references++;
  return *item != NULL;
}
ALWAYS_INLINE void v_dict_delete(value dict, value key) { g_hash_table_remove(dict->table, key); }
ALWAYS_INLINE size_t v_dict_walk(value dict) {
  GHashTableIter iter;
  gpointer key, item;
  size_t count = 0;
  g_hash_table_iter_init(&iter, dict->table);
  while (g_hash_table_iter_next(&iter, &key, &item)) {
    ((value)key)->references++;
    ((value)item)->references++;
    count++;
    ((value)key)->references--;
    ((value)item)->references--;
  }
  return count;
}

ALWAYS_INLINE value v_list(void) {
  value v = v_box_(V_ARRAY);
  v->array = g_ptr_array_new_with_free_func(v_drop_);
  return v;
}
ALWAYS_INLINE void v_list_append(value list, value item) {
  item->references++;
  g_ptr_array_add(list->array, item);
}
ALWAYS_INLINE value v_list_get(value list, size_t i) {
  value item = g_ptr_array_index(list->array, i);
  item->references++;
  return item;
}

#endif
