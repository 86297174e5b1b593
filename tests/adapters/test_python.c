/* tests/adapters/test_python.c - CPython embedded with its memory on ouro's heap: its domains, its arenas, a limit.
 *
 * An interpreter is set up once per process, so each case runs in a child. CPython itself leaves some blocks behind when it is
 * finalized; how many, a child says that counts over libc's malloc, and ouro's heap must hold as many, no more.
 * Linked with: libouro, libpython3. */
#include <Python.h>

#include "balance.h"

#include <sys/mman.h>
#include <unistd.h>

#include <ouro/adapt/python.h>

#define LIMIT_SECONDS (TEST_TSAN || TEST_ASAN ? 300.0 : 60.0)

/* Parsing, formatting, sorting, classes, cycles, exceptions and generators, with results that must come out right. */
static const char work[] =
    "import gc, json, re\n"
    "class Node:\n"
    "    def __init__(self, value): self.value, self.peer = value, None\n"
    "nodes = [Node(i) for i in range(5000)]\n"
    "for a, b in zip(nodes, reversed(nodes)): a.peer = b\n"
    "text = json.dumps([{'id': i, 'name': 'n%d' % i, 'tags': ['a'] * (i % 7)} for i in range(3000)])\n"
    "back = json.loads(text)\n"
    "assert sum(item['id'] for item in back) == 3000 * 2999 // 2\n"
    "assert len(re.findall(r'\"n\\d+\"', text)) == 3000\n"
    "words = sorted(str(i * 7919 % 20011) for i in range(20000))\n"
    "assert words == sorted(words) and len(set(words)) == 20000\n"
    "big = bytearray()\n"
    "for i in range(2000): big += bytes([i % 256]) * (i % 300)\n"
    "assert len(big) == sum(i % 300 for i in range(2000))\n"
    "assert 3 ** 5000 % 1000007 == pow(3, 5000, 1000007)\n"
    "try: [][1]\n"
    "except IndexError as e: assert 'range' in str(e)\n"
    "del nodes, back, words, big, a, b\n"
    "gc.collect()\n";

static void check_status(PyStatus status) {
  if (PyStatus_Exception(status)) {
    fprintf(stderr, "%s\n", status.err_msg ? status.err_msg : "Python failed");
    abort();
  }
}

static void preinitialize(void) {
  PyPreConfig config;
  PyPreConfig_InitIsolatedConfig(&config);
  config.utf8_mode = 1;
  check_status(Py_PreInitialize(&config));
}

/* Hashes are fixed, so that two children do the same; the program's name keeps Python from looking for itself in PATH. */
static void initialize(void) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.use_hash_seed = 1;
  config.hash_seed = 1;
  check_status(PyConfig_SetBytesString(&config, &config.program_name, "/usr/bin/python3"));
  check_status(Py_InitializeFromConfig(&config));
  PyConfig_Clear(&config);
}

static void run(const char *code) {
  if (PyRun_SimpleString(code) != 0) abort();
}

/* ---------------------------------------------------------------- a counting allocator over libc, to compare with */

static long counted;

static void *count_malloc(void *context, size_t size) {
  (void)context;
  counted++;
  return malloc(size ? size : 1);
}

static void *count_calloc(void *context, size_t count, size_t size) {
  (void)context;
  counted++;
  return count && size ? calloc(count, size) : calloc(1, 1);
}

static void *count_realloc(void *context, void *block, size_t size) {
  (void)context;
  counted += !block;
  return realloc(block, size ? size : 1);
}

static void count_free(void *context, void *block) {
  (void)context;
  counted -= block != NULL;
  free(block);
}

static void live_and_die(void) {
  initialize();
  run(work);
  TEST_CHECK(Py_FinalizeEx() == 0);
}

static void count_what_python_leaves(void *result) {
  PyMemAllocatorEx counter = {NULL, count_malloc, count_calloc, count_realloc, count_free};
  preinitialize();
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &counter);
  PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &counter);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &counter);
  live_and_die();
  *(long *)result = counted;
}

static void count_what_ouro_holds(void *result) {
  ouro_heap *heap = limited_heap("python", 0);
  preinitialize();
  TEST_CHECK(ouro_python_set_allocators(heap) == OURO_OK);
  live_and_die();
  *(long *)result = (long)blocks_live_in(heap);
  ouro_heap_destroy(heap);
  TEST_HEAP_IS_SOUND();
}

static void ouro_holds_what_python_leaves_and_no_more(void **unused) {
  (void)unused;
  long *left = mmap(NULL, 2 * sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(left != MAP_FAILED);
  left[0] = left[1] = -1;
  test_result counter = test_in_child(count_what_python_leaves, &left[0], LIMIT_SECONDS);
  TEST_CHILD_PASSED(&counter);
  test_result holder = test_in_child(count_what_ouro_holds, &left[1], LIMIT_SECONDS);
  TEST_CHILD_PASSED(&holder);
  print_message("# blocks that CPython left behind: %ld\n", left[0]);
  assert_true(left[0] >= 0);
  assert_int_equal(left[1], left[0]);
  munmap(left, 2 * sizeof *left);
}

/* ---------------------------------------------------------------- the domains */

static void use_all_domains(void *unused) {
  (void)unused;
  preinitialize();
  TEST_CHECK(ouro_python_set_allocators(NULL) == OURO_OK);
  initialize();
  TEST_CHECK(ouro_python_set_allocators(NULL) == OURO_EBUSY);

  void *blocks[] = {PyMem_RawMalloc(10), PyMem_Malloc(10), PyObject_Malloc(10), PyMem_RawCalloc(3, 5),
                    PyMem_Malloc(70000)};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) TEST_CHECK(ouro_owns(blocks[i]));
  blocks[1] = PyMem_Realloc(blocks[1], 1000);
  TEST_CHECK(ouro_owns(blocks[1]));
  void *empty[] = {PyMem_Malloc(0), PyMem_Malloc(0), PyObject_Malloc(0), PyMem_RawCalloc(0, 0)};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < i; j++) TEST_CHECK(empty[i] && empty[i] != empty[j]);
  PyMem_RawFree(blocks[0]);
  PyMem_Free(blocks[1]);
  PyObject_Free(blocks[2]);
  PyMem_RawFree(blocks[3]);
  PyMem_Free(blocks[4]);
  PyMem_Free(empty[0]);
  PyMem_Free(empty[1]);
  PyObject_Free(empty[2]);
  PyMem_RawFree(empty[3]);

  PyObject *bytes = PyBytes_FromStringAndSize(NULL, 100000);
  PyObject *number = PyLong_FromString("123456789012345678901234567890", NULL, 10);
  TEST_CHECK(ouro_owns(bytes) && ouro_owns(number));
  Py_DECREF(bytes);
  Py_DECREF(number);
  run(work);
  TEST_CHECK(Py_FinalizeEx() == 0);
  TEST_HEAP_IS_SOUND();
}

static void all_domains_are_on_the_heap(void **unused) {
  (void)unused;
  test_result result = test_in_child(use_all_domains, NULL, LIMIT_SECONDS);
  TEST_CHILD_PASSED(&result);
}

/* Threads allocate, and others free what they allocated: the raw domain is used without the interpreter lock. */
static void use_threads(void *unused) {
  (void)unused;
  preinitialize();
  TEST_CHECK(ouro_python_set_allocators(NULL) == OURO_OK);
  initialize();
  run("import queue, threading\n"
      "q, total = queue.Queue(50), []\n"
      "def produce(n):\n"
      "    for i in range(n): q.put([str(i)] * (i % 50))\n"
      "def consume(n):\n"
      "    total.append(sum(len(q.get()) for i in range(n)))\n"
      "threads = [threading.Thread(target=f, args=(3000,)) for f in (produce, consume) for _ in range(3)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()\n"
      "assert sum(total) == 3 * sum(i % 50 for i in range(3000)), total\n");
  TEST_CHECK(Py_FinalizeEx() == 0);
  TEST_HEAP_IS_SOUND();
}

static void threads_share_the_heap(void **unused) {
  (void)unused;
  test_result result = test_in_child(use_threads, NULL, LIMIT_SECONDS);
  TEST_CHILD_PASSED(&result);
}

static void use_a_limit(void *unused) {
  (void)unused;
  ouro_heap *heap = limited_heap("python", (size_t)64 << 20);
  preinitialize();
  TEST_CHECK(ouro_python_set_allocators(heap) == OURO_OK);
  initialize();
  run("def grow():\n"
      "    kept = []\n"
      "    while True: kept.append([None] * 100)\n"
      "for attempt in range(3):\n"
      "    try: grow()\n"
      "    except MemoryError: pass\n"
      "    else: raise AssertionError('no limit')\n");
  run(work);
  TEST_CHECK(Py_FinalizeEx() == 0);
  ouro_heap_destroy(heap);
}

static void a_limit_is_a_memory_error_and_python_lives_on(void **unused) {
  (void)unused;
  test_result result = test_in_child(use_a_limit, NULL, LIMIT_SECONDS);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- the arenas */

static void use_arenas(void *unused) {
  (void)unused;
  enum { MEGABYTE = 1 << 20 };
  size_t blocks;
  ouro_heap *heap = limited_heap("arenas", 0);
  PyObjectArenaAllocator allocator = ouro_python_arena_allocator(heap);
  preinitialize();
  PyObject_SetArenaAllocator(&allocator);
  initialize();
  size_t before = ouro_heap_bytes(heap, &blocks);
  TEST_CHECK(blocks > 0);
  run("kept = [[i] for i in range(400000)]");
  size_t with = ouro_heap_bytes(heap, &blocks);
  TEST_CHECK(with >= before + 30 * MEGABYTE);
  run("assert sum(k[0] for k in kept) == 400000 * 399999 // 2\ndel kept");
  size_t after = ouro_heap_bytes(heap, &blocks);
  TEST_CHECK(after < before + (with - before) / 2);
  run(work);
  TEST_CHECK(Py_FinalizeEx() == 0);
  TEST_HEAP_IS_SOUND();
}

static void arenas_come_from_the_heap_and_go_back(void **unused) {
  (void)unused;
  test_result result = test_in_child(use_arenas, NULL, LIMIT_SECONDS);
  TEST_CHILD_PASSED(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_domains_are_on_the_heap),
      cmocka_unit_test(threads_share_the_heap),
      cmocka_unit_test(a_limit_is_a_memory_error_and_python_lives_on),
      cmocka_unit_test(ouro_holds_what_python_leaves_and_no_more),
      cmocka_unit_test(arenas_come_from_the_heap_and_go_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
