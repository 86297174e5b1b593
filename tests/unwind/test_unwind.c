/* tests/unwind/test_unwind.c - the walk finds the stack that glibc's own unwinder finds: through every shape of frame, callbacks in the
 * C library, signals, threads, coroutines, libraries that come and go; and it keeps what stayed since the walk before.
 *
 * Linked with: the core (static), support/support.c, cmocka. Arguments: two plugins. */
#include "support/support.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "trace/unwind.h"

#ifdef __clang__
#define NOIPA __attribute__((noinline, not_tail_called))
#else
#define NOIPA __attribute__((noipa))
#endif
#define ADDRESSES 2500
#define INTERCEPTED (TEST_ASAN || TEST_TSAN) /* backtrace is called by a function of the sanitizer, which it lists as well */

static const char *plugin_path[2];

/* ---------------------------------------------------------------- comparing */

/* A thread's walks: one that goes on, and one that begins anew each time. */
typedef struct walks {
  ouro__native_walk kept, anew;
  size_t cut; /* times that a walk could not go on */
} walks;

static __thread walks *mine;

static void walks_open(void) { TEST_CHECK((mine = calloc(1, sizeof *mine)) != NULL); }

static void walks_close(void) {
  free(mine);
  mine = NULL;
}

static uint32_t node_of(uint32_t outside, uintptr_t pc) {
  uint64_t mixed = (pc + outside) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(mixed >> 32) | 1;
}

/* What the user puts into `node` is there as long as it is true. */
static void check_nodes(ouro__native_walk *walk) {
  TEST_CHECK(walk->changed <= walk->depth);
  uint32_t outside = 0;
  for (unsigned i = 0; i < walk->depth; i++) {
    outside = node_of(outside, walk->frame[i].pc);
    if (i < walk->changed) TEST_CHECK(walk->frame[i].node == outside);
    walk->frame[i].node = outside;
  }
}

static const ouro__native_frame *inner(const ouro__native_walk *walk, unsigned i) { return &walk->frame[walk->depth - 1 - i]; }

/* Frame 0 is the one that called each of them, at different places. Of deep stacks they may have different parts. */
static void check_same_frames(const ouro__native_walk *a, const ouro__native_walk *b) {
  bool deep = a->depth >= OURO_UNWIND_MOST && b->depth >= OURO_UNWIND_MOST && (a->deep || b->deep);
  TEST_CHECK(deep || (a->depth == b->depth && a->cut == b->cut));
  for (unsigned i = 1; i < a->depth && i < b->depth; i++) {
    TEST_CHECK(inner(a, i)->pc == inner(b, i)->pc && inner(a, i)->cfa == inner(b, i)->cfa && inner(a, i)->bp == inner(b, i)->bp);
  }
}

static void check_against(const ouro__native_walk *walk, void **addresses, int count) {
  for (unsigned i = 1; i < walk->depth && (int)i < count; i++) {
    uintptr_t expected = (uintptr_t)addresses[i];
    TEST_CHECK(inner(walk, i)->pc + 1 == expected || inner(walk, i)->pc == expected); /* the latter where a signal came */
  }
}

/* The stack as it is now, by both walks and by glibc. Returns its depth. */
static NOIPA unsigned compare(void) {
  void *addresses[ADDRESSES];
  walks *w = mine;
  errno = 4711;
  ouro__unwind(&w->kept);
  memset(&w->anew, 0, sizeof w->anew);
  ouro__unwind(&w->anew);
  TEST_CHECK(errno == 4711);
  int count = backtrace(addresses, ADDRESSES) - INTERCEPTED;
  check_same_frames(&w->kept, &w->anew);
  check_nodes(&w->kept);
  check_against(&w->kept, addresses + INTERCEPTED, count);
  if (w->kept.cut) w->cut++;
  else TEST_CHECK((int)w->kept.depth == count);
  return w->kept.depth;
}

static void compare_whole(void) {
  size_t cut = mine->cut;
  compare();
  TEST_CHECK(mine->cut == cut);
}

/* ---------------------------------------------------------------- all shapes of frames, at random */

typedef struct wanderer {
  test_rng rng;
  unsigned depth, most;
} wanderer;

static __thread wanderer *wandering;
static void wander(void);

static NOIPA void by_plain(void) {
  volatile char frame[72];
  frame[0] = 1;
  wander();
  frame[1] = frame[0];
}

static NOIPA void by_alloca(void) {
  size_t size = 16 + test_below(&wandering->rng, 3000);
  volatile char *frame = alloca(size);
  frame[0] = 1;
  wander();
  frame[size - 1] = frame[0];
}

static NOIPA void by_large(void) {
  volatile char frame[100000];
  frame[0] = 1;
  wander();
  frame[sizeof frame - 1] = frame[0];
}

/* The compiler aligns the stack, and addresses its frame through a copy of the old stack pointer. */
static NOIPA void by_aligned(void) {
  _Alignas(128) volatile char frame[128];
  volatile char *more = alloca(16 + test_below(&wandering->rng, 200));
  more[0] = frame[0] = 1;
  wander();
  frame[1] = more[0];
}

static int wander_comparing(const void *a, const void *b) {
  if (test_below(&wandering->rng, 4) == 0) wander();
  return *(const int *)a - *(const int *)b;
}

static NOIPA void by_qsort(void) {
  int numbers[] = {3, 1, 2};
  qsort(numbers, 3, sizeof numbers[0], wander_comparing);
  wandering->rng.state++;
}

static NOIPA void by_bsearch(void) {
  static const int numbers[] = {1, 2, 3};
  int key = 2;
  TEST_CHECK(bsearch(&key, numbers, 3, sizeof numbers[0], wander_comparing) != NULL);
}

/* Many values live across a call: all registers that are saved by callees are in use, rbp as one of them. */
static NOIPA unsigned long by_registers(unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
                                        unsigned long f) {
  wander();
  unsigned long sum = a * b + c * d + e * f;
  wander();
  return sum + a + b + c + d + e + f;
}

static void wander(void) {
  wanderer *w = wandering;
  if (test_below(&w->rng, 3) == 0) compare_whole();
  if (w->depth >= w->most) return;
  w->depth++;
  switch (test_below(&w->rng, 16)) {
    case 0: by_plain(); break;
    case 1: case 2: by_alloca(); break;
    case 3: by_large(); break;
    case 4: case 5: by_aligned(); break;
    case 6: by_qsort(); break;
    case 7: by_bsearch(); break;
    case 8: case 9: {
      unsigned long x = test_next(&w->rng);
      TEST_CHECK(by_registers(x, 1, 1, 2, 0, 3) == x + 2 + x + 1 + 1 + 2 + 0 + 3);
      break;
    }
    default: break; /* back */
  }
  w->depth--;
}

static NOIPA void wander_from(uint64_t seed, size_t times) {
  wanderer w = {.rng = {seed}, .most = 60};
  wandering = &w;
  for (size_t i = 0; i < times; i++) {
    by_plain();
    by_alloca();
  }
  wandering = NULL;
}

static void every_shape_of_frame_is_walked(void **state) {
  (void)state;
  walks_open();
  wander_from(1, test_count(2000, 50));
  walks_close();
}

static void *wander_in_thread(void *seed) {
  walks_open();
  wander_from((uintptr_t)seed, test_count(1000, 30));
  walks_close();
  return NULL;
}

static void threads_learn_the_same_rules_at_once(void **state) {
  (void)state;
  pthread_t threads[4];
  ouro__unwind_forget();
  for (uintptr_t i = 0; i < 4; i++) TEST_CHECK(pthread_create(&threads[i], NULL, wander_in_thread, (void *)(i + 2)) == 0);
  for (unsigned i = 0; i < 20; i++) {
    test_sleep_ms(1);
    ouro__unwind_forget();
  }
  for (unsigned i = 0; i < 4; i++) TEST_CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---------------------------------------------------------------- what is kept */

static NOIPA int descend(unsigned levels, void (*function)(void)) {
  volatile int below = 0; /* so that it stays a recursion */
  if (levels) below = descend(levels - 1, function) + 1;
  else function();
  return below;
}

static void twice_from_one_place(void) {
  ouro__native_walk *walk = &mine->kept;
  for (volatile unsigned i = 0; i < 2; i++) ouro__unwind(walk); /* volatile: one call, not two */
  TEST_CHECK(walk->changed == walk->depth && walk->depth > 50);
}

static void an_equal_stack_is_kept_whole(void **state) {
  (void)state;
  walks_open();
  TEST_CHECK(descend(50, twice_from_one_place) == 50);
  walks_close();
}

static void walk_kept(void) { ouro__unwind(&mine->kept); }

static void what_lies_outside_of_a_change_is_kept(void **state) {
  (void)state;
  walks_open();
  ouro__unwind(&mine->kept);
  unsigned outside = mine->kept.depth - 1; /* of this function */
  TEST_CHECK(descend(50, walk_kept) == 50);
  unsigned depth = mine->kept.depth;
  TEST_CHECK(descend(55, walk_kept) == 55);
  TEST_CHECK(mine->kept.depth == depth + 5 && mine->kept.changed == outside);
  walks_close();
}

/* Two functions of one shape: what they call has equal frames, but for who called the outer. */
static NOIPA void outer_a(void) {
  volatile char frame[40];
  frame[0] = 1;
  descend(20, compare_whole);
  frame[1] = frame[0];
}

static NOIPA void outer_b(void) {
  volatile char frame[40];
  frame[0] = 1;
  descend(20, compare_whole);
  frame[1] = frame[0];
}

static void a_caller_that_changed_outside_of_equal_frames_is_seen(void **state) {
  (void)state;
  walks_open();
  void (*const functions[])(void) = {outer_a, outer_b, outer_b, outer_a, outer_b};
  for (unsigned i = 0; i < 5; i++) functions[i]();
  walks_close();
}

static void compare_deep(void) {
  compare();
  TEST_CHECK(mine->kept.depth >= OURO_UNWIND_MOST && (mine->kept.cut || mine->kept.depth > 300));
}

static NOIPA int descend_and_compare(unsigned levels) {
  volatile int below = 0;
  if (levels % 50 == 0) compare_deep();
  if (levels) below = descend_and_compare(levels - 1) + 1;
  if (levels % 70 == 0) compare_deep();
  return below;
}

static NOIPA void from_the_deep(void) { TEST_CHECK(descend_and_compare(1500) == 1500); }

static void of_a_deep_stack_the_innermost_frames_are_known(void **state) {
  (void)state;
  walks_open();
  TEST_CHECK(descend(330, from_the_deep) == 330);
  TEST_CHECK(mine->cut > 20);
  TEST_CHECK(descend(3, compare_whole) == 3); /* and the walk recovers */
  walks_close();
}

/* ---------------------------------------------------------------- signals */

static void on_signal(int number) {
  (void)number;
  int saved = errno;
  compare_whole();
  errno = saved;
}

static void raise_signal(void) { TEST_CHECK(raise(SIGUSR1) == 0); }

static void in_signal_handlers(int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags}, before;
  TEST_CHECK(sigaction(SIGUSR1, &action, &before) == 0);
  walks_open();
  for (int levels = 0; levels < 5; levels++) {
    TEST_CHECK(descend(10, compare_whole) == 10);
    TEST_CHECK(descend((unsigned)levels, raise_signal) == levels);
    TEST_CHECK(descend((unsigned)levels, raise_signal) == levels);
  }
  walks_close();
  TEST_CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
}

static void a_walk_crosses_a_signal_handler(void **state) {
  (void)state;
  in_signal_handlers(0);
}

static void a_walk_crosses_from_another_signal_stack(void **state) {
  (void)state;
  enum { STACK_BYTES = 256 * 1024 };
  stack_t stack = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES}, none = {.ss_flags = SS_DISABLE};
  TEST_CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
  in_signal_handlers(SA_ONSTACK);
  TEST_CHECK(sigaltstack(&none, NULL) == 0);
  free(stack.ss_sp);
}

static volatile sig_atomic_t alarms, cut_alarms;

static void on_alarm(int number) {
  (void)number;
  int saved = errno;
  size_t cut = mine->cut;
  compare();
  alarms++;
  cut_alarms += mine->cut != cut;
  errno = saved;
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* Code of the C library, mostly in prologues, epilogues and linkage tables. */
static NOIPA void be_busy(void) {
  char text[64];
  int numbers[] = {3, 1, 2, 5, 4};
  struct timeval now;
  snprintf(text, sizeof text, "%d %s", numbers[0], "busy");
  qsort(numbers, 5, sizeof numbers[0], by_value);
  gettimeofday(&now, NULL);
  free(malloc(strlen(text) + (size_t)numbers[0]));
}

static void a_walk_starts_at_any_instruction(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = on_alarm}, before;
  struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  walks_open();
  compare_whole(); /* glibc loads its unwinder */
  alarms = cut_alarms = 0;
  TEST_CHECK(sigaction(SIGALRM, &action, &before) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
  sig_atomic_t most = (sig_atomic_t)test_count(1000, 20);
  while (alarms < most) be_busy();
  TEST_CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0 && sigaction(SIGALRM, &before, NULL) == 0);
  TEST_CHECK(cut_alarms * 100 <= alarms); /* an instruction of hand-written assembly may have no unwind information */
  walks_close();
}

/* ---------------------------------------------------------------- coroutines */

static ucontext_t main_context, other_context;

static void coroutine(void) {
  for (;;) {
    TEST_CHECK(descend(7, compare_whole) == 7);
    TEST_CHECK(swapcontext(&other_context, &main_context) == 0);
  }
}

static void a_coroutine_has_a_stack_of_its_own(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) skip();
  enum { STACK_BYTES = 256 * 1024 };
  char *stack = malloc(STACK_BYTES);
  TEST_CHECK(stack && getcontext(&other_context) == 0);
  other_context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK_BYTES};
  other_context.uc_link = NULL;
  makecontext(&other_context, coroutine, 0);
  walks_open();
  for (int i = 0; i < 10; i++) {
    TEST_CHECK(descend(4, compare_whole) == 4);
    TEST_CHECK(swapcontext(&main_context, &other_context) == 0);
    TEST_CHECK(mine->kept.depth >= 10 && mine->kept.depth < 14);
  }
  walks_close();
  free(stack);
}

/* ---------------------------------------------------------------- libraries */

typedef void plugin_function(void (*)(void));

static plugin_function *plugin_symbol(void *library, const char *name) {
  plugin_function *function;
  void *address = dlsym(library, name);
  TEST_CHECK(address != NULL);
  memcpy(&function, &address, sizeof function);
  return function;
}

static void libraries_come_and_go_at_one_address(void **state) {
  (void)state;
  walks_open();
  for (unsigned i = 0; i < 6; i++) {
    void *library = dlopen(plugin_path[i % 2], RTLD_NOW | RTLD_LOCAL);
    TEST_CHECK(library != NULL);
    plugin_symbol(library, "plugin_call")(compare_whole);
    TEST_CHECK(dlclose(library) == 0);
    ouro__unwind_forget();
  }
  walks_close();
}

static unsigned bindings;

static void compare_at_binding(void) {
  bindings++;
  compare_whole();
}

static void a_walk_crosses_the_binding_of_a_function(void **state) {
  (void)state;
  walks_open();
  bindings = 0;
  void *library = dlopen(plugin_path[0], RTLD_LAZY | RTLD_LOCAL);
  TEST_CHECK(library != NULL);
  plugin_symbol(library, "plugin_bind")(compare_at_binding);
  TEST_CHECK(getenv("LD_BIND_NOW") || bindings == 1);
  TEST_CHECK(dlclose(library) == 0);
  ouro__unwind_forget();
  walks_close();
}

/* ---------------------------------------------------------------- code without unwind information */

#ifdef __x86_64__

typedef void machine_code(void (*function)(void));

/* The bytes as a function. */
static machine_code *made_code(const void *bytes, size_t size) {
  machine_code *code;
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TEST_CHECK(page != MAP_FAILED);
  memcpy(page, bytes, size);
  memcpy(&code, &page, sizeof code);
  return code;
}

static void code_free(machine_code *code) {
  void *page;
  memcpy(&page, &code, sizeof page);
  TEST_CHECK(munmap(page, 4096) == 0);
  ouro__unwind_forget();
}

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const uint8_t with_frame_pointer[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static unsigned walked;

static void walk_both(void) {
  ouro__unwind(&mine->kept);
  memset(&mine->anew, 0, sizeof mine->anew);
  ouro__unwind(&mine->anew);
  check_same_frames(&mine->kept, &mine->anew);
  check_nodes(&mine->kept);
  walked++;
}

static void code_without_information_is_walked_by_its_frame_pointer(void **state) {
  (void)state;
  machine_code *code = made_code(with_frame_pointer, sizeof with_frame_pointer);
  walks_open();
  walk_both();
  unsigned depth = mine->kept.depth;
  for (unsigned i = 0; i < 3; i++) {
    code(walk_both);
    TEST_CHECK(!mine->kept.cut && mine->kept.depth == depth + 1);
    TEST_CHECK(inner(&mine->kept, 1)->pc - (uintptr_t)code < sizeof with_frame_pointer);
  }
  walks_close();
  code_free(code);
}

/* push %rbp; xor %ebp,%ebp; call *%rdi; pop %rbp; ret */
static const uint8_t with_zero[] = {0x55, 0x31, 0xed, 0xff, 0xd7, 0x5d, 0xc3};

static void a_frame_pointer_of_0_marks_the_outermost_frame(void **state) {
  (void)state;
  machine_code *code = made_code(with_zero, sizeof with_zero);
  walks_open();
  for (unsigned i = 0; i < 2; i++) {
    code(walk_both);
    TEST_CHECK(!mine->kept.cut && inner(&mine->kept, mine->kept.depth - 1)->pc - (uintptr_t)code < sizeof with_zero);
  }
  walks_close();
  code_free(code);
}

/* push %rbp; movabs $garbage,%rbp; call *%rdi; pop %rbp; ret */
static void walk_with_garbage(uintptr_t garbage) {
  uint8_t bytes[] = {0x55, 0x48, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd7, 0x5d, 0xc3};
  memcpy(bytes + 3, &garbage, sizeof garbage);
  machine_code *code = made_code(bytes, sizeof bytes);
  unsigned before = walked;
  for (unsigned i = 0; i < 2; i++) code(walk_both);
  TEST_CHECK(walked == before + 2 && mine->kept.cut);
  code_free(code);
}

static void garbage_in_the_frame_pointer_ends_the_walk(void **state) {
  (void)state;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  const uintptr_t garbage[] = {8, UINTPTR_MAX, UINTPTR_MAX - 15, (uintptr_t)1 << 47, here + 3, here - 100000,
                               here + (7 << 20) + 8, here + (900 << 10), (uintptr_t)made_code & ~(uintptr_t)7};
  walks_open();
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) walk_with_garbage(garbage[i]);
  walks_close();
}

/* What looks like a frame leads to data: that is not told as a frame. */
static void an_address_that_no_call_returns_to_is_no_frame(void **state) {
  (void)state;
  static uintptr_t data[8];
  volatile uintptr_t frames[4] = {0, (uintptr_t)&data[4], 0, 0};
  frames[0] = (uintptr_t)&frames[2];
  walks_open();
  walk_both();
  unsigned depth = 0;
  uint8_t bytes[] = {0x55, 0x48, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd7, 0x5d, 0xc3};
  uintptr_t at = (uintptr_t)frames;
  memcpy(bytes + 3, &at, sizeof at);
  machine_code *code = made_code(bytes, sizeof bytes);
  for (unsigned i = 0; i < 2; i++) {
    code(walk_both);
    depth = mine->kept.depth;
    TEST_CHECK(mine->kept.cut && inner(&mine->kept, depth - 1)->pc - (uintptr_t)code < sizeof bytes);
  }
  walks_close();
  code_free(code);
}

static ucontext_t back;
static char *hole;

static void at_the_edge(void) {
  for (uintptr_t at = 0; at < 3 * 4096; at += 4096 - 8) walk_with_garbage((uintptr_t)hole + at - 8);
  TEST_CHECK(setcontext(&back) == 0);
}

static void memory_that_is_not_mapped_is_never_read(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) skip();
  enum { STACK_BYTES = 256 * 1024, HOLE_BYTES = 64 * 1024 };
  ucontext_t context;
  volatile bool returned = false;
  char *stack = mmap(NULL, STACK_BYTES + HOLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TEST_CHECK(stack != MAP_FAILED && mprotect(stack + STACK_BYTES, HOLE_BYTES, PROT_NONE) == 0);
  hole = stack + STACK_BYTES;
  walks_open();
  TEST_CHECK(getcontext(&context) == 0);
  context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK_BYTES};
  makecontext(&context, at_the_edge, 0);
  TEST_CHECK(getcontext(&back) == 0);
  if (!returned) {
    returned = true;
    setcontext(&context);
  }
  walks_close();
  TEST_CHECK(munmap(stack, STACK_BYTES + HOLE_BYTES) == 0);
}

#endif

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_shape_of_frame_is_walked),
      cmocka_unit_test(threads_learn_the_same_rules_at_once),
      cmocka_unit_test(an_equal_stack_is_kept_whole),
      cmocka_unit_test(what_lies_outside_of_a_change_is_kept),
      cmocka_unit_test(a_caller_that_changed_outside_of_equal_frames_is_seen),
      cmocka_unit_test(of_a_deep_stack_the_innermost_frames_are_known),
      cmocka_unit_test(a_walk_crosses_a_signal_handler),
      cmocka_unit_test(a_walk_crosses_from_another_signal_stack),
      cmocka_unit_test(a_walk_starts_at_any_instruction),
      cmocka_unit_test(a_coroutine_has_a_stack_of_its_own),
      cmocka_unit_test(libraries_come_and_go_at_one_address),
      cmocka_unit_test(a_walk_crosses_the_binding_of_a_function),
#ifdef __x86_64__
      cmocka_unit_test(code_without_information_is_walked_by_its_frame_pointer),
      cmocka_unit_test(a_frame_pointer_of_0_marks_the_outermost_frame),
      cmocka_unit_test(garbage_in_the_frame_pointer_ends_the_walk),
      cmocka_unit_test(an_address_that_no_call_returns_to_is_no_frame),
      cmocka_unit_test(memory_that_is_not_mapped_is_never_read),
#endif
  };
  if (argc != 3) {
    fprintf(stderr, "usage: test_unwind PLUGIN PLUGIN\n");
    return 2;
  }
  for (unsigned i = 0; i < 2; i++) plugin_path[i] = argv[i + 1];
  ouro__unwind_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
