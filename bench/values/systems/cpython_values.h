/* cpython_values.h - the workloads' values as CPython's, through its C API. The interpreter is embedded, without site and environment. Classes are
 * made by Python itself, as a program's are. */
#ifndef VALUES_CPYTHON_H
#define VALUES_CPYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define HAS_TYPES
#define HAS_TEXT
#define HAS_SORT
#define HAS_CLASSES
#define HAS_GENERATORS
#define HAS_JSON

typedef PyObject *value;

static value module_; /* of functions and classes that are written in Python */

__attribute__((unused)) static const char program_[] =
    "import json\n"
    "class Slots:\n"
    "    __slots__ = ('a', 'b', 'c', 'd')\n"
    "    def method(self, x): return x\n"
    "class Plain:\n"
    "    def method(self, x): return x\n"
    "def count_to(n):\n"
    "    i = 0\n"
    "    while i < n:\n"
    "        yield i\n"
    "        i += 1\n"
    "def load(path):\n"
    "    with open(path) as file: return json.loads(file.read())\n";

ALWAYS_INLINE void system_start(void) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  PyStatus status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) work_fail("Py_InitializeFromConfig");
  module_ = PyImport_AddModule("__main__");
  value globals = PyModule_GetDict(module_);
  value done = PyRun_String(program_, Py_file_input, globals, globals);
  if (done == NULL) {
    PyErr_Print();
    work_fail("the program in Python");
  }
  Py_DECREF(done);
}

ALWAYS_INLINE value must_(value v) {
  if (v == NULL) {
    PyErr_Print();
    work_fail("CPython");
  }
  return v;
}

ALWAYS_INLINE value v_int(int64_t number) { return must_(PyLong_FromLongLong(number)); }
ALWAYS_INLINE value v_float(double number) { return must_(PyFloat_FromDouble(number)); }
ALWAYS_INLINE value v_str(const char *text, size_t length) { return must_(PyUnicode_FromStringAndSize(text, (Py_ssize_t)length)); }
ALWAYS_INLINE value v_bytes(const char *text, size_t length) { return must_(PyBytes_FromStringAndSize(text, (Py_ssize_t)length)); }
ALWAYS_INLINE void v_drop(value v) { Py_DECREF(v); }

ALWAYS_INLINE value v_tuple2(value a, value b) { return must_(PyTuple_Pack(2, a, b)); }

ALWAYS_INLINE value v_dict(void) { return must_(PyDict_New()); }
ALWAYS_INLINE void v_dict_set(value dict, value key, value item) {
  if (PyDict_SetItem(dict, key, item) < 0) work_fail("PyDict_SetItem");
}
ALWAYS_INLINE bool v_dict_get(value dict, value key, value *item) {
  *item = PyDict_GetItemWithError(dict, key);
  Py_XINCREF(*item);
  return *item != NULL;
}
ALWAYS_INLINE void v_dict_delete(value dict, value key) {
  if (PyDict_DelItem(dict, key) < 0) work_fail("PyDict_DelItem");
}
ALWAYS_INLINE size_t v_dict_walk(value dict) {
  Py_ssize_t at = 0;
  size_t count = 0;
  value key, item;
  while (PyDict_Next(dict, &at, &key, &item)) {
    Py_INCREF(key);
    Py_INCREF(item);
    count++;
    Py_DECREF(key);
    Py_DECREF(item);
  }
  return count;
}

ALWAYS_INLINE value v_set(void) { return must_(PySet_New(NULL)); }
ALWAYS_INLINE void v_set_add(value set, value item) {
  if (PySet_Add(set, item) < 0) work_fail("PySet_Add");
}

ALWAYS_INLINE value v_list(void) { return must_(PyList_New(0)); }
ALWAYS_INLINE void v_list_append(value list, value item) {
  if (PyList_Append(list, item) < 0) work_fail("PyList_Append");
}
ALWAYS_INLINE value v_list_get(value list, size_t i) {
  value item = PyList_GetItem(list, (Py_ssize_t)i);
  Py_INCREF(item);
  return item;
}
ALWAYS_INLINE value v_list_of(size_t n, value item) {
  value list = must_(PyList_New((Py_ssize_t)n));
  for (size_t i = 0; i < n; i++) {
    Py_INCREF(item);
    PyList_SET_ITEM(list, (Py_ssize_t)i, item);
  }
  return list;
}
ALWAYS_INLINE value v_list_copy(value list) { return must_(PySequence_List(list)); }
ALWAYS_INLINE void v_list_sort(value list) {
  if (PyList_Sort(list) < 0) work_fail("PyList_Sort");
}

ALWAYS_INLINE value v_join(value separator, value list) { return must_(PyUnicode_Join(separator, list)); }
ALWAYS_INLINE ptrdiff_t v_find(value text, value what) { return PyUnicode_Find(text, what, 0, PyUnicode_GET_LENGTH(text), 1); }
ALWAYS_INLINE value v_split(value text, value separator) { return must_(PyUnicode_Split(text, separator, -1)); }
ALWAYS_INLINE value v_concat(value a, value b) { return must_(PyUnicode_Concat(a, b)); }
ALWAYS_INLINE value v_replace(value text, value from, value to) { return must_(PyUnicode_Replace(text, from, to, -1)); }
ALWAYS_INLINE value v_name(const char *text) { return must_(PyUnicode_InternFromString(text)); }

ALWAYS_INLINE value v_class(bool slots) { return must_(PyObject_GetAttrString(module_, slots ? "Slots" : "Plain")); }
ALWAYS_INLINE value v_instance(value class_) { return must_(PyObject_CallNoArgs(class_)); }

typedef int v_cache;
ALWAYS_INLINE void v_attr_set(value object, value name, value item, v_cache *cache) {
  (void)cache;
  if (PyObject_SetAttr(object, name, item) < 0) work_fail("PyObject_SetAttr");
}
ALWAYS_INLINE value v_attr_get(value object, value name, v_cache *cache) {
  (void)cache;
  return must_(PyObject_GetAttr(object, name));
}
ALWAYS_INLINE value v_method(value object, value name, value argument, v_cache *cache) {
  value args[2] = {object, argument};
  (void)cache;
  return must_(PyObject_VectorcallMethod(name, args, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

ALWAYS_INLINE value v_count_to(int64_t n) {
  value number = v_int(n), function = must_(PyObject_GetAttrString(module_, "count_to"));
  value generator = must_(PyObject_CallOneArg(function, number));
  Py_DECREF(number);
  Py_DECREF(function);
  return generator;
}
/* The sum of the squares of the even numbers below n, by map and filter. */
ALWAYS_INLINE value v_squares_pipeline(int64_t n) {
  value globals = PyModule_GetDict(module_);
  char text[160];
  snprintf(text, sizeof text, "map(lambda x: x * x, filter(lambda x: not x & 1, count_to(%lld)))", (long long)n);
  return must_(PyRun_String(text, Py_eval_input, globals, globals));
}
ALWAYS_INLINE bool v_next(value iterator, value *item) {
  *item = PyIter_Next(iterator);
  return *item != NULL;
}
ALWAYS_INLINE int64_t v_int_value(value v) { return PyLong_AsLongLong(v); }

ALWAYS_INLINE value v_json_load(const char *path) {
  value name = must_(PyUnicode_FromString(path)), function = must_(PyObject_GetAttrString(module_, "load"));
  value loaded = must_(PyObject_CallOneArg(function, name));
  Py_DECREF(name);
  Py_DECREF(function);
  return loaded;
}

#endif
