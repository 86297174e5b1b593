/* cpython.h - the workloads' objects as CPython's: a C extension's static types, as fast as they can be written (no
 * dictionary, nothing to count for the type, PyObject_GC_New and PyObject_GC_Del called directly). The interpreter is
 * embedded, without site and environment; what it made for itself is collected once and frozen, so that the collections that
 * are measured look at the workload's objects alone. */
#ifndef SYSTEM_CPYTHON_H
#define SYSTEM_CPYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#define SYSTEM_COUNTS
#define SYSTEM_TELLS
#define SYSTEM_HEADER_BYTES (sizeof(PyObject) + 2 * sizeof(void *))

#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  PyObject_HEAD
  struct node *left, *right;
  NODE_FIELDS
#ifdef NODE_WEAK
  PyObject *weak;
#endif
} node;

static int node_traverse(PyObject *self, visitproc visit, void *arg) {
  node *n = (node *)self;
  Py_VISIT(n->left);
  Py_VISIT(n->right);
  return 0;
}

static int node_clear(PyObject *self) {
  node *n = (node *)self;
  Py_CLEAR(n->left);
  Py_CLEAR(n->right);
  return 0;
}

static void node_dealloc(PyObject *self) {
  node *n = (node *)self;
  PyObject_GC_UnTrack(self);
#ifdef NODE_DEEP
  Py_TRASHCAN_BEGIN(self, node_dealloc)
#endif
#ifdef NODE_WEAK
  if (n->weak != NULL) PyObject_ClearWeakRefs(self);
#endif
  Py_XDECREF(n->left);
  Py_XDECREF(n->right);
  PyObject_GC_Del(self);
#ifdef NODE_DEEP
  Py_TRASHCAN_END
#endif
}

static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "bench.node",
    .tp_basicsize = sizeof(node),
    .tp_dealloc = node_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
#ifdef NODE_WEAK
    .tp_weaklistoffset = offsetof(node, weak),
#endif
};

/* Things: objects of any number of references and of any size. One that is not tracked is of a type that the collector does
 * not know. */
typedef struct thing {
  PyObject_VAR_HEAD
  struct thing *slots[];
} thing;

__attribute__((unused)) static int thing_traverse(PyObject *self, visitproc visit, void *arg) {
  thing *t = (thing *)self;
  for (Py_ssize_t i = Py_SIZE(t); --i >= 0;) Py_VISIT(t->slots[i]);
  return 0;
}

__attribute__((unused)) static int thing_clear(PyObject *self) {
  thing *t = (thing *)self;
  for (Py_ssize_t i = Py_SIZE(t); --i >= 0;) Py_CLEAR(t->slots[i]);
  return 0;
}

__attribute__((unused)) static void thing_dealloc(PyObject *self) {
  thing *t = (thing *)self;
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, thing_dealloc)
  for (Py_ssize_t i = Py_SIZE(t); --i >= 0;) Py_XDECREF(t->slots[i]);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END
}

__attribute__((unused)) static void thing_dealloc_untracked(PyObject *self) {
  thing *t = (thing *)self;
  for (Py_ssize_t i = Py_SIZE(t); --i >= 0;) Py_XDECREF(t->slots[i]);
  PyObject_Free(self);
}

__attribute__((unused)) static PyTypeObject tracked_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "bench.tracked",
    .tp_basicsize = sizeof(thing),
    .tp_itemsize = sizeof(void *),
    .tp_dealloc = thing_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = thing_traverse,
    .tp_clear = thing_clear,
};

__attribute__((unused)) static PyTypeObject untracked_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "bench.untracked",
    .tp_basicsize = sizeof(thing),
    .tp_itemsize = sizeof(void *),
    .tp_dealloc = thing_dealloc_untracked,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

ALWAYS_INLINE void system_start(void) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  config.use_hash_seed = 1; /* so that each start takes the same instructions */
  PyStatus status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) work_fail("Py_InitializeFromConfig");
  if (PyType_Ready(&node_type) < 0 || PyType_Ready(&tracked_type) < 0 || PyType_Ready(&untracked_type) < 0) {
    work_fail("PyType_Ready");
  }
  PyGC_Collect();
  PyObject *gc = PyImport_ImportModule("gc");
  PyObject *none = gc == NULL ? NULL : PyObject_CallMethod(gc, "freeze", NULL);
  if (none == NULL) work_fail("gc.freeze");
  Py_DECREF(none);
  Py_DECREF(gc);
}

ALWAYS_INLINE node *node_new(void) {
  node *n = PyObject_GC_New(node, &node_type);
  if (n == NULL) work_fail("PyObject_GC_New");
  n->left = n->right = NULL;
#ifdef NODE_WEAK
  n->weak = NULL;
#endif
  PyObject_GC_Track((PyObject *)n);
  return n;
}

ALWAYS_INLINE void node_retain(node *n) { Py_INCREF(n); }
ALWAYS_INLINE void node_release(node *n) { Py_DECREF(n); }
ALWAYS_INLINE void node_set(node **slot, node *value) { Py_XSETREF(*slot, value); }

ALWAYS_INLINE size_t node_bytes(node *n) { return (size_t)Py_TYPE(n)->tp_basicsize + 2 * sizeof(void *); }

ALWAYS_INLINE void system_automatic(bool on) {
  if (on) {
    PyGC_Enable();
  } else {
    PyGC_Disable();
  }
}

/* PyGC_Collect does nothing while automatic collection is off. */
ALWAYS_INLINE size_t system_collect(void) {
  int was = PyGC_Enable();
  Py_ssize_t found = PyGC_Collect();
  if (!was) PyGC_Disable();
  return (size_t)found;
}

typedef PyObject *weakref;

ALWAYS_INLINE void weak_make(weakref *slot, node *n) {
  if ((*slot = PyWeakref_NewRef((PyObject *)n, NULL)) == NULL) work_fail("PyWeakref_NewRef");
}
ALWAYS_INLINE node *weak_get(weakref *slot) {
  PyObject *object = PyWeakref_GET_OBJECT(*slot);
  if (object == Py_None) return NULL;
  Py_INCREF(object);
  return (node *)object;
}
ALWAYS_INLINE void weak_drop(weakref *slot) { Py_CLEAR(*slot); }

ALWAYS_INLINE thing *thing_new(bool tracked, size_t bytes, size_t references) {
  size_t least = sizeof(thing) + references * sizeof(void *);
  size_t items = ((bytes > least ? bytes : least) - sizeof(thing) + sizeof(void *) - 1) / sizeof(void *);
  thing *t = tracked ? PyObject_GC_NewVar(thing, &tracked_type, (Py_ssize_t)items)
                     : PyObject_NewVar(thing, &untracked_type, (Py_ssize_t)items);
  if (t == NULL) work_fail("PyObject_GC_NewVar");
  Py_SET_SIZE(t, (Py_ssize_t)references);
  for (size_t i = 0; i < references; i++) t->slots[i] = NULL;
  if (tracked) PyObject_GC_Track((PyObject *)t);
  return t;
}

ALWAYS_INLINE thing *thing_get(thing *t, size_t slot) { return t->slots[slot]; }
ALWAYS_INLINE void thing_set(thing *t, size_t slot, thing *value) {
  Py_XINCREF(value);
  Py_XSETREF(t->slots[slot], value);
}
ALWAYS_INLINE void thing_move(thing *to, thing *from, size_t slot) {
  thing *value = from->slots[slot];
  from->slots[slot] = NULL;
  Py_XSETREF(to->slots[slot], value);
}
ALWAYS_INLINE void thing_release(thing *t) { Py_DECREF(t); }

ALWAYS_INLINE void system_roots(void *from, size_t bytes, bool on) { (void)from, (void)bytes, (void)on; }

#endif
