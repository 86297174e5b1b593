/* gobject.h - the workloads' objects as GLib's GObjects, which are counted and know weak references, and whose cycles nobody
 * finds. */
#ifndef SYSTEM_GOBJECT_H
#define SYSTEM_GOBJECT_H

#include <glib-object.h>

#define SYSTEM_COUNTS
#define SYSTEM_HEADER_BYTES sizeof(GObject)

#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  GObject base;
  struct node *left, *right;
  NODE_FIELDS
} node;

typedef struct node_class {
  GObjectClass base;
} node_class;

static gpointer parent_class;
static GType node_type;

static void node_dispose(GObject *self) {
  node *n = (node *)(void *)self;
  g_clear_object(&n->left);
  g_clear_object(&n->right);
  G_OBJECT_CLASS(parent_class)->dispose(self);
}

static void node_class_init(gpointer class, gpointer data) {
  (void)data;
  parent_class = g_type_class_peek_parent(class);
  G_OBJECT_CLASS(class)->dispose = node_dispose;
}

ALWAYS_INLINE void system_start(void) {
  node_type = g_type_register_static_simple(G_TYPE_OBJECT, "BenchNode", sizeof(node_class), node_class_init,
                                            sizeof(node), NULL, 0);
}

ALWAYS_INLINE node *node_new(void) { return g_object_new(node_type, NULL); }
ALWAYS_INLINE void node_retain(node *n) { g_object_ref(n); }
ALWAYS_INLINE void node_release(node *n) { g_object_unref(n); }
ALWAYS_INLINE void node_set(node **slot, node *value) {
  node *before = *slot;
  *slot = value;
  if (before) g_object_unref(before);
}

ALWAYS_INLINE size_t node_bytes(node *n) {
  (void)n;
  return sizeof(node);
}

ALWAYS_INLINE void system_automatic(bool on) { (void)on; }

typedef GWeakRef weakref;

ALWAYS_INLINE void weak_make(weakref *slot, node *n) { g_weak_ref_init(slot, n); }
ALWAYS_INLINE node *weak_get(weakref *slot) { return g_weak_ref_get(slot); }
ALWAYS_INLINE void weak_drop(weakref *slot) { g_weak_ref_clear(slot); }

#endif
