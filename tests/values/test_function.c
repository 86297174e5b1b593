/* tests/values/test_function.c - functions, methods of classes, bound methods: what they are called with, what they are equal to, how they
 * print and how they go; errors that are raised, and threads that end, in the middle of things.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/classes.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- functions */

/* The weight of its arguments, and the closure's number. */
static int weigh_all(void *closure, void *const *args, size_t count, ouro_slot result) {
  return give_number(result, weigh(args, count) + (closure ? value_of(closure) : 0));
}

/* Arguments are 1, 2, ..., weighed as `weigh` does. */
static int64_t weight_of(size_t count) {
  int64_t sum = (int64_t)count;
  for (int64_t i = 1; i <= (int64_t)count; i++) {
    sum += 100 * i * i;
  }
  return sum;
}

static void a_function_is_called_with_its_closure(void **state) {
  (void)state;
  void *closure = number(100000), *args[20];
  void *function = ouro_borrow(ouro_function_new("weigh", weigh_all, closure));
  void *plain = ouro_borrow(ouro_function_new("w", weigh_all, NULL));
  for (int64_t i = 0; i < 20; i++) {
    args[i] = number(i + 1);
  }
  for (size_t count = 0; count <= 20; count++) {
    assert_int_equal(call_number(function, args, count), weight_of(count) + 100000);
    assert_int_equal(call_number(plain, args, count), weight_of(count));
  }
  assert_string_equal(ouro_function_name(function), "weigh");
  assert_ptr_equal(ouro_function_closure(function), closure);
  assert_null(ouro_function_closure(plain));
  assert_true(ouro_is_function(plain) && !ouro_is_function(closure));
  char text[64];
  snprintf(text, sizeof text, "<function w at 0x%zx>", (size_t)(uintptr_t)plain);
  PRINTS(plain, text);
  void *copy = ouro_borrow(ouro_deepcopy(function));
  assert_ptr_equal(copy, function);
  drop(copy);
  for (int64_t i = 0; i < 20; i++) {
    drop(args[i]);
  }
  drop(plain);
  drop(function);
  drop(closure);
}

static void what_is_no_function(void **state) {
  (void)state;
  errno = 0;
  assert_true(ouro_borrow(ouro_function_new(NULL, weigh_all, NULL)) == NULL && errno == EINVAL);
  errno = 0;
  assert_true(ouro_borrow(ouro_function_new("f", NULL, NULL)) == NULL && errno == EINVAL);
  errno = 0;
  assert_true(ouro_borrow(ouro_function_new("\xff", weigh_all, NULL)) == NULL && errno == EILSEQ);
  errno = 0;
  assert_true(ouro_borrow(ouro_bound_method_new(NULL, ouro_none)) == NULL && errno == EINVAL);
  errno = 0;
  assert_true(ouro_borrow(ouro_bound_method_new(ouro_none, NULL)) == NULL && errno == EINVAL);
  assert_null(ouro_bound_method_self(ouro_none));
  assert_null(ouro_bound_method_function(ouro_none));
}

/* closure -> list -> function -> closure */
static void circles_through_closures_are_found(void **state) {
  (void)state;
  size_t live = test_live();
  ouro_list *seq = ouro_borrow(ouro_list_new());
  void *function = ouro_borrow(ouro_function_new("f", weigh_all, seq)), *bound = ouro_borrow(ouro_bound_method_new(function, seq));
  assert_true(ouro_list_append(seq, function) == OURO_OK && ouro_list_append(seq, bound) == OURO_OK);
  drop(seq);
  drop(function);
  drop(bound);
  assert_true(test_live() >= live + 3);
  ouro_gc_collect(2);
  assert_int_equal(test_live(), live);
}

/* ---------------------------------------------------------------- bound methods */

static int self_and_weight(void *self, void *const *args, size_t count, ouro_slot result) {
  return give_number(result, weigh(args, count) + get_number(self, name_number(0)));
}

static ouro_class *weighing_class(void) {
  return CLASS(.name = "Weighs", .slots = WORDS("a0"), .methods = METHODS({"weigh", self_and_weight}, {"other", self_and_weight}));
}

static void *method_of(void *object, const char *name) {
  void *method = NULL;
  TEST_CHECK(ouro_attr_get_text(object, name, &method) == OURO_OK);
  return method;
}

static void methods_are_bound_to_their_object(void **state) {
  (void)state;
  ouro_class *self = weighing_class();
  void *one = instance_of(self), *other = instance_of(self), *args[20];
  set_number(one, name_number(0), 1000000);
  set_number(other, name_number(0), 2000000);
  void *bound = method_of(one, "weigh"), *bound_other = method_of(other, "weigh"), *plain = method_of(self, "weigh");
  assert_ptr_equal(ouro_bound_method_self(bound), one);
  assert_ptr_equal(ouro_bound_method_function(bound), plain);
  assert_ptr_equal(ouro_function_closure(plain), self);
  assert_true(ouro_is_function(plain) && !ouro_is_function(bound));
  args[0] = other;
  for (int64_t i = 1; i < 20; i++) {
    args[i] = number(i);
  }
  for (size_t count = 0; count < 20; count++) {
    assert_int_equal(call_number(bound, args + 1, count), weight_of(count) + 1000000);
    assert_int_equal(call_number(bound_other, args + 1, count), weight_of(count) + 2000000);
    assert_int_equal(call_number(plain, args, count + 1), weight_of(count) + 2000000);
  }
  drop(one); /* what is bound holds it */
  assert_int_equal(call_number(bound, NULL, 0), 1000000);
  PRINTS(plain, "<method 'weigh' of 'Weighs' objects>");
  char text[128];
  snprintf(text, sizeof text, "<bound method weigh of <Weighs object at 0x%zx>>", (size_t)(uintptr_t)other);
  PRINTS(bound_other, text);
  for (int64_t i = 1; i < 20; i++) {
    drop(args[i]);
  }
  drop(bound);
  drop(bound_other);
  drop(plain);
  drop(other);
  drop(self);
}

/* A method that is not bound takes instances of its class alone; also where it was put into another one. */
static void methods_take_their_own_instances_alone(void **state) {
  (void)state;
  ouro_class *self = weighing_class(), *derived = CLASS(.name = "Derived", .base = self), *strange = slots_class(1);
  void *of_derived = instance_of(derived), *of_strange = instance_of(strange), *method = method_of(self, "weigh"), *item = number(1);
  set_number(of_derived, name_number(0), 5);
  set_number(of_strange, name_number(0), 6);
  void *result = NULL;
  assert_int_equal(call_number(method, &of_derived, 1), 5);
  assert_int_equal(ouro_call(method, NULL, 0, &result), OURO_EINVAL);
  assert_int_equal(ouro_call(method, &of_strange, 1, &result), OURO_ETYPE);
  assert_int_equal(ouro_call(method, &item, 1, &result), OURO_ETYPE);
  assert_int_equal(ouro_attr_set_text(strange, "stolen", method), OURO_OK);
  ouro_attr_cache cache = {0};
  assert_int_equal(ouro_method_call(of_strange, name_of("stolen"), &cache, NULL, 0, &result), OURO_ETYPE);
  void *bound = method_of(of_strange, "stolen");
  assert_int_equal(ouro_call(bound, NULL, 0, &result), OURO_ETYPE);
  assert_null(result);
  void *all[] = {bound, item, method, of_derived, of_strange, strange, derived, self};
  for (size_t i = 0; i < 8; i++) {
    drop(all[i]);
  }
}

/* A function that a class is given later is called with the instance first; what is no function is called as it is. */
static int first_and_weight(void *closure, void *const *args, size_t count, ouro_slot result) {
  (void)closure;
  TEST_CHECK(count > 0);
  return give_number(result, weigh(args + 1, count - 1) + get_number(args[0], name_number(0)));
}

static void functions_become_methods(void **state) {
  (void)state;
  ouro_class *self = weighing_class();
  void *made = instance_of(self), *function = ouro_borrow(ouro_function_new("f", first_and_weight, NULL)), *args[20];
  set_number(made, name_number(0), 500000);
  assert_int_equal(ouro_attr_set_text(self, "f", function), OURO_OK);
  for (int64_t i = 0; i < 20; i++) {
    args[i] = number(i + 1);
  }
  void *bound = method_of(made, "f"), *of_class = method_of(self, "f"), *result = NULL;
  assert_ptr_equal(of_class, function);
  for (size_t count = 0; count < 20; count++) {
    assert_int_equal(call_number(bound, args, count), weight_of(count) + 500000);
    assert_int_equal(ouro_method_call(made, name_of("f"), NULL, args, count, &result), OURO_OK);
    assert_int_equal(number_given(OURO_OK, result), weight_of(count) + 500000);
  }
  void *other = ouro_borrow(ouro_bound_method_new(function, made)), *third = method_of(made, "weigh");
  assert_int_equal(ouro_attr_set_text(self, "g", third), OURO_OK);
  assert_int_equal(ouro_method_call(made, name_of("g"), NULL, args, 3, &result), OURO_OK);
  assert_int_equal(number_given(OURO_OK, result), weight_of(3) + 500000);
  assert_int_equal(ouro_attr_set_text(self, "h", args[0]), OURO_OK);
  assert_int_equal(ouro_method_call(made, name_of("h"), NULL, args, 3, &result), OURO_ETYPE);
  void *all[] = {other, third, bound, of_class, function, made, self};
  for (size_t i = 0; i < 7; i++) {
    drop(all[i]);
  }
  for (int64_t i = 0; i < 20; i++) {
    drop(args[i]);
  }
}

static void bound_methods_are_equal_by_what_they_bind(void **state) {
  (void)state;
  ouro_class *self = weighing_class();
  void *one = instance_of(self), *other = instance_of(self);
  void *a = method_of(one, "weigh"), *b = method_of(one, "weigh"), *c = method_of(other, "weigh"), *d = method_of(one, "other");
  uint64_t first = 0, second = 0;
  assert_ptr_not_equal(a, b);
  assert_int_equal(ouro_equal(a, b), 1);
  assert_int_equal(ouro_equal(a, c), 0);
  assert_int_equal(ouro_equal(a, d), 0);
  assert_int_equal(ouro_equal(a, one), 0);
  assert_true(ouro_hash(a, &first) == OURO_OK && ouro_hash(b, &second) == OURO_OK && first == second);
  void *all[] = {a, b, c, d, one, other, self};
  for (size_t i = 0; i < 7; i++) {
    drop(all[i]);
  }
}

/* ---------------------------------------------------------------- depth, and every allocation failing in turn */

static int call_again(void *self, void *const *args, size_t count, ouro_slot result) {
  (void)args, (void)count;
  return ouro_method_call(self, name_of("again"), NULL, NULL, 0, result);
}

static void endless_calls_end(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .methods = METHODS({"again", call_again}));
  void *made = instance_of(self), *result = NULL;
  assert_int_equal(ouro_method_call(made, name_of("again"), NULL, NULL, 0, &result), OURO_EDEEP);
  void *bound = method_of(made, "again");
  assert_int_equal(ouro_call(bound, NULL, 0, &result), OURO_EDEEP);
  assert_null(result);
  drop(bound);
  drop(made);
  drop(self);
}

#ifdef OURO_FAULTS
static int try_functions(void *arg) {
  void *made = arg, *many[12], *result = NULL;
  for (size_t i = 0; i < 12; i++) {
    many[i] = ouro_none;
  }
  void *function = ouro_borrow(ouro_function_new("some new name", call_again, made));
  void *bound = function ? ouro_borrow(ouro_bound_method_new(function, made)) : NULL;
  int code = bound ? OURO_OK : ouro_code_of_errno(errno);
  if (!code) {
    code = ouro_attr_get_text(made, "length", &result);
  }
  if (result) {
    drop(result);
  }
  if (!code) {
    result = NULL;
    code = ouro_method_call(made, name_of("function"), NULL, many, 12, &result);
  }
  void *all[] = {function, bound, result};
  for (size_t i = 0; i < 3; i++) {
    if (all[i]) {
      drop(all[i]);
    }
  }
  return code;
}

static size_t live_at_first;
static bool as_many_live(void *arg) {
  (void)arg;
  return test_live() == live_at_first;
}

static int count_them(void *self, void *const *args, size_t count, ouro_slot result) {
  (void)self, (void)args;
  return give_number(result, (int64_t)count);
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .methods = METHODS({"length", count_them}));
  void *function = ouro_borrow(ouro_function_new("function", count_them, NULL)), *made = instance_of(self);
  name_of("length");
  assert_int_equal(ouro_attr_set(self, name_of("function"), function), OURO_OK);
  live_at_first = test_live();
  fail_each(try_functions, as_many_live, made);
  drop(made);
  drop(function);
  drop(self);
}
#endif

/* ---------------------------------------------------------------- errors, threads */

static void raise_a_number(void *self) {
  (void)self;
  void *error = number(101);
  (void)ouro_raise(error);
  drop(error);
}
static ouro_type raiser_type = {.name = "raiser", .size = sizeof(ouro_object), .finalize = raise_a_number};

static void raise_a_raiser(void) {
  void *raiser = ouro_borrow(ouro_new(&raiser_type));
  assert_int_equal(ouro_raise(raiser), OURO_ERAISED);
  drop(raiser);
}

static int code_of_step;
static int fail_as_told(void *self, ouro_slot item) {
  (void)self;
  (void)item;
  return code_of_step;
}
static const ouro_protocols failing_protocols = {.next = fail_as_told};
static ouro_type failing_type = {.name = "failing", .size = sizeof(ouro_object), .protocols = &failing_protocols};

/* What errno was before is no answer, in particular not that an error was raised. */
static void a_code_comes_through_as_itself(void **state) {
  (void)state;
  void *failing = ouro_borrow(ouro_new(&failing_type));
  for (code_of_step = OURO_ENOMEM; code_of_step >= OURO_ESYNTAX; code_of_step--) {
    errno = code_of_step == OURO_ESYSTEM ? EIO : ECANCELED;
    assert_null(ouro_borrow(ouro_list_from(failing)));
    assert_int_equal(ouro_code_of_errno(errno), code_of_step);
  }
  code_of_step = -1000; /* the program's own */
  errno = ECANCELED;
  assert_null(ouro_borrow(ouro_tuple_from(failing)));
  assert_int_equal(errno, EPROTO);
  assert_int_equal(ouro_code_of_errno(errno), OURO_ESYSTEM);
  drop(failing);
}

static void nothing_is_no_error(void **state) {
  (void)state;
  assert_int_equal(ouro_raise(NULL), OURO_EINVAL);
  assert_null(ouro_borrow(ouro_raised_take()));
}

static void what_a_finalizer_raises_is_nobodys(void **state) {
  (void)state;
  void *error = number(5), *raised;
  assert_int_equal(ouro_raise(error), OURO_ERAISED);
  drop(ouro_borrow(ouro_new(&raiser_type)));
  raised = ouro_borrow(ouro_raised_take());
  assert_ptr_equal(raised, error);
  drop(raised);
  drop(ouro_borrow(ouro_new(&raiser_type)));
  assert_true(ouro_borrow(ouro_raised_take()) == NULL);
  raise_a_raiser();
  assert_int_equal(ouro_raise(error), OURO_ERAISED); /* what goes for it raises another one */
  raised = ouro_borrow(ouro_raised_take());
  assert_ptr_equal(raised, error);
  drop(raised);
  drop(error);
}

static void *raise_and_end(void *arg) {
  (void)arg;
  raise_a_raiser();
  return NULL;
}

static void raise_when_called(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  (void)ouro_raise(data);
}

/* Its last error is referred to weakly, and the callback raises another. */
static void *raise_and_end_with_callback(void *weak) {
  void *error = ouro_borrow(ouro_new(&raiser_type));
  *(void **)weak = ouro_borrow(ouro_weak_new_callback(error, raise_when_called, ouro_true, NULL));
  (void)ouro_raise(error);
  drop(error);
  return NULL;
}

static void *find_none_raised(void *arg) {
  (void)arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  TEST_CHECK(ouro_borrow(ouro_raised_take()) == NULL);
  return NULL;
}

static void in_a_thread(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  ouro_blocking_end();
}

/* The next thread has the number of the one before, and nothing that it left. */
static void an_error_goes_with_its_thread(void **state) {
  (void)state;
  void *weak = NULL;
  in_a_thread(raise_and_end, NULL);
  in_a_thread(find_none_raised, NULL);
  in_a_thread(raise_and_end_with_callback, &weak);
  in_a_thread(find_none_raised, NULL);
  drop(weak);
}

static int end_thread(void *closure, void *const *args, size_t count, ouro_slot result) {
  (void)closure;
  (void)args;
  (void)count;
  (void)result;
  pthread_exit(NULL);
}

static void *end_in_call(void *function) {
  void *result = NULL;
  TEST_CHECK(ouro_call(function, NULL, 0, &result) == OURO_OK); /* not OURO_EDEEP: it does not return */
  return NULL;
}

static void a_thread_may_end_within_a_call(void **state) {
  (void)state;
  void *function = ouro_borrow(ouro_function_new("end", end_thread, NULL));
  for (int i = 0; i < OURO_DEEPEST + 50; i++) {
    in_a_thread(end_in_call, function);
  }
  drop(function);
}

/* ---------------------------------------------------------------- fork */

/* In the middle of its text it raises an error, and stays there. */
static _Atomic bool is_printing, may_go_on;
static int print_for_long(void *self, ouro_buffer *out) {
  (void)self;
  (void)out;
  (void)ouro_raise(ouro_true);
  atomic_store(&is_printing, true);
  ouro_blocking_begin();
  while (!atomic_load(&may_go_on)) {
    sched_yield();
  }
  ouro_blocking_end();
  return OURO_OK;
}
static const ouro_protocols long_protocols = {.repr = print_for_long};
static ouro_type long_type = {.name = "long", .size = sizeof(ouro_object), .protocols = &long_protocols};

static void *print_list(void *shown) {
  drop(ouro_borrow(ouro_repr(shown)));
  drop(ouro_borrow(ouro_raised_take()));
  return NULL;
}

static void *find_nothing_left(void *shown) {
  find_none_raised(NULL);
  TEST_CHECK(ouro__me->nested == 0);
  ouro_list_clear(shown);
  void *text = ouro_borrow(ouro_repr(shown));
  TEST_CHECK(text && strcmp(ouro_str_text(text), "[]") == 0);
  drop(text);
  return NULL;
}

/* A thread that comes in the child has the number of the one that is not there. */
static void a_child_begins_anew(void **state) {
  (void)state;
  if (TEST_TSAN) skip(); /* it has no threads in a child */
  void *shown = ouro_borrow(ouro_list_new());
  pthread_t thread;
  assert_int_equal(ouro_list_append_move(shown, ouro_new(&long_type)), OURO_OK);
  TEST_CHECK(pthread_create(&thread, NULL, print_list, shown) == 0);
  while (!atomic_load(&is_printing)) {
    ouro_safepoint();
  }
  pid_t child = fork();
  if (child == 0) {
    in_a_thread(find_nothing_left, shown);
    _exit(0);
  }
  int status = 1;
  TEST_CHECK(child > 0 && waitpid(child, &status, 0) == child);
  assert_int_equal(status, 0);
  atomic_store(&may_go_on, true);
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  ouro_blocking_end();
  drop(shown);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLASS_TEST(a_function_is_called_with_its_closure),
      CLASS_TEST(what_is_no_function),
      CLASS_TEST(circles_through_closures_are_found),
      CLASS_TEST(methods_are_bound_to_their_object),
      CLASS_TEST(methods_take_their_own_instances_alone),
      CLASS_TEST(functions_become_methods),
      CLASS_TEST(bound_methods_are_equal_by_what_they_bind),
      CLASS_TEST(endless_calls_end),
      CLASS_TEST(a_code_comes_through_as_itself),
      CLASS_TEST(nothing_is_no_error),
      CLASS_TEST(what_a_finalizer_raises_is_nobodys),
      CLASS_TEST(an_error_goes_with_its_thread),
      CLASS_TEST(a_thread_may_end_within_a_call),
      CLASS_TEST(a_child_begins_anew),
#ifdef OURO_FAULTS
      CLASS_TEST(each_allocation_may_fail),
#endif
  };
  return cmocka_run_group_tests_name("values function", tests, NULL, NULL);
}
