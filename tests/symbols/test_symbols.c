/* tests/symbols/test_symbols.c - which frames of a profile get names, and from which file; and what names look like.
 *
 * Linked with: the profile (static), support/support.c, cmocka. */
#include "support/support.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/profile/profile.h"
#include "cli/profile/symbols.h"
#include "cli/profile/tables.h"

/* ---------------------------------------------------------------- a profile of this process */

static __attribute__((noinline)) uintptr_t here(void) { return (uintptr_t)__builtin_return_address(0) - 1; }

static ouro__profile *profile_new(size_t frames, size_t modules) {
  ouro__profile *profile = ouro__profile_new("test");
  TEST_CHECK(profile != NULL);
  profile->frames = calloc(frames + 1, sizeof *profile->frames);
  profile->modules = calloc(modules + 1, sizeof *profile->modules);
  TEST_CHECK(profile->frames && profile->modules);
  profile->frame_count = frames + 1;
  for (size_t i = 0; i <= frames; i++) {
    profile->frames[i] = (ouro__pframe){.kind = OURO_FRAME_NATIVE, .function = "", .file = "", .module = "", .generation = 1};
  }
  return profile;
}

static void add_module(ouro__profile *profile, ouro__pmodule module) {
  module.path = ouro__profile_string(profile, module.path, strlen(module.path));
  TEST_CHECK(module.path != NULL);
  profile->modules[profile->module_count++] = module;
}

/* The mapping of this program that an address is in. */
static ouro__pmodule mapping_of(uintptr_t address, char path[PATH_MAX]) {
  char line[PATH_MAX + 128], permissions[8];
  FILE *maps = fopen("/proc/self/maps", "r");
  TEST_CHECK(maps != NULL);
  ouro__pmodule module = {.path = path};
  while (fgets(line, sizeof line, maps)) {
    unsigned long inode;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %lu %4095[^\n]", &module.start, &module.end, permissions,
               &module.offset, &inode, path) == 6 &&
        address >= module.start && address < module.end)
      break;
  }
  fclose(maps);
  TEST_CHECK(address >= module.start && address < module.end);
  return module;
}

/* Frame 1 at `address`, with one module as `module` but for its path. Says what the frame's function has become. */
static const char *name_with_path(uintptr_t address, ouro__pmodule module, const char *path) {
  static char name[256];
  ouro__profile *profile = profile_new(1, 1);
  profile->frames[1].run_address = address;
  module.path = path;
  add_module(profile, module);
  ouro__profile_symbolise(profile);
  TEST_CHECK(profile->frame_count >= 2);
  snprintf(name, sizeof name, "%s", profile->frames[1].function);
  ouro__profile_free(profile);
  return name;
}

/* ---------------------------------------------------------------- frames */

static void a_frame_in_a_mapped_file_gets_its_function(void **state) {
  (void)state;
  char path[PATH_MAX];
  uintptr_t address = here();
  ouro__pmodule module = mapping_of(address, path);
  assert_string_equal(name_with_path(address, module, path), __func__);
}

static void what_is_no_file_of_code_gives_no_name(void **state) {
  (void)state;
  char path[PATH_MAX], other[PATH_MAX + 16];
  uintptr_t address = here();
  ouro__pmodule module = mapping_of(address, path);
  snprintf(other, sizeof other, "%s (deleted)", path);
  assert_string_equal(name_with_path(address, module, other), "");
  const char *const paths[] = {"", "[vdso]", "[anon]", "[heap]", "/", "/dev/null", "/dev/zero", "/nowhere", "/proc/self/maps", "relative"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) assert_string_equal(name_with_path(address, module, paths[i]), "");
}

static void a_pipe_is_not_waited_for(void **state) {
  (void)state;
  char folder[] = "/tmp/ouro-symbols-XXXXXX", pipe[64], path[PATH_MAX];
  TEST_CHECK(mkdtemp(folder) != NULL);
  snprintf(pipe, sizeof pipe, "%s/pipe", folder);
  TEST_CHECK(mkfifo(pipe, 0600) == 0);
  uintptr_t address = here();
  assert_string_equal(name_with_path(address, mapping_of(address, path), pipe), "");
  TEST_CHECK(unlink(pipe) == 0 && rmdir(folder) == 0);
}

static void a_file_that_is_cut_short_does_no_harm(void **state) {
  (void)state;
  enum { MOST = 1 << 24 };
  char path[PATH_MAX];
  uintptr_t address = here();
  ouro__pmodule module = mapping_of(address, path);
  char *bytes = malloc(MOST);
  FILE *program = fopen("/proc/self/exe", "r");
  TEST_CHECK(bytes && program);
  size_t size = fread(bytes, 1, MOST, program);
  fclose(program);
  for (size_t length = 0; length < size; length += length < 4096 ? 100 : size / 40) {
    char cut[] = "/tmp/ouro-symbols-XXXXXX";
    int fd = mkstemp(cut);
    TEST_CHECK(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    const char *found = name_with_path(address, module, cut);
    TEST_CHECK(!*found || strcmp(found, __func__) == 0);
    close(fd);
    TEST_CHECK(unlink(cut) == 0);
  }
  free(bytes);
}

static void the_module_of_the_frames_generation_is_asked(void **state) {
  (void)state;
  char path[PATH_MAX];
  uintptr_t address = here();
  ouro__pmodule module = mapping_of(address, path);
  ouro__profile *profile = profile_new(4, 2);
  module.generation = 2;
  add_module(profile, module);
  module.generation = 4;
  module.path = "/nowhere";
  add_module(profile, module);
  for (uint32_t i = 1; i <= 4; i++) {
    profile->frames[i].run_address = address;
    profile->frames[i].generation = i;
  }
  ouro__profile_symbolise(profile);
  const char *const expected[] = {"", __func__, __func__, ""};
  for (uint32_t i = 1; i <= 4; i++) assert_string_equal(profile->frames[i].function, expected[i - 1]);
  ouro__profile_free(profile);
}

static void frames_that_are_known_stay(void **state) {
  (void)state;
  char path[PATH_MAX];
  uintptr_t address = here();
  ouro__profile *profile = profile_new(3, 1);
  add_module(profile, mapping_of(address, path));
  for (uint32_t i = 1; i <= 3; i++) profile->frames[i].run_address = address;
  profile->frames[1].function = "known";
  profile->frames[2].kind = OURO_FRAME_PYTHON;
  ouro__profile_symbolise(profile);
  assert_string_equal(profile->frames[1].function, "known");
  assert_string_equal(profile->frames[2].function, "");
  assert_string_equal(profile->frames[3].function, __func__);
  ouro__profile_free(profile);
}

static inline __attribute__((always_inline)) uintptr_t inlined_here(void) { return here(); }

static void a_call_that_was_inlined_is_a_frame_of_its_own(void **state) {
  (void)state;
  char path[PATH_MAX];
  uintptr_t address = inlined_here();
  ouro__profile *profile = profile_new(1, 1);
  add_module(profile, mapping_of(address, path));
  profile->frames[1].run_address = address;
  ouro__profile_symbolise(profile);
  const ouro__pframe *inner = &profile->frames[1];
  assert_string_equal(inner->function, "inlined_here");
  assert_int_equal(inner->caller, 2);
  assert_int_equal(profile->frame_count, 3);
  const ouro__pframe *outer = &profile->frames[2];
  assert_string_equal(outer->function, __func__);
  assert_true(outer->kind == OURO_FRAME_NATIVE && outer->caller == 0 && outer->line > inner->line && outer->address == inner->address);
  assert_true(outer->file == inner->file && strstr(outer->file, "test_symbols.c") && outer->module == inner->module);
  ouro__profile_symbolise(profile); /* once more: nothing is left to do */
  assert_int_equal(profile->frame_count, 3);
  ouro__profile_free(profile);
}

/* ---------------------------------------------------------------- names */

static void paths_are_told_without_detours(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a.c", "a.c"}, {"/a.c", "/a.c"}, {"./a.c", "a.c"}, {"/x/./a.c", "/x/a.c"}, {"/x//a.c", "/x/a.c"}, {"/x/y/../a.c", "/x/a.c"},
      {"../a.c", "../a.c"}, {"../../a.c", "../../a.c"}, {"x/../../a.c", "../a.c"}, {"/../a.c", "/a.c"}, {"x/..", ""}, {"", ""},
      {"/", "/"}, {"/x/../../y/a.c", "/y/a.c"}, {"x/.../a.c", "x/.../a.c"}, {"..a/../b.c", "b.c"}, {".hidden/a.c", ".hidden/a.c"},
      {"/build/./x/../Python/ceval.c", "/build/Python/ceval.c"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = ouro__symbols_file(cases[i][0]);
    assert_string_equal(text, cases[i][1]);
    free(text);
  }
}

static void functions_are_told_as_they_were_written(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"main", "main"}, {"", ""}, {".cold", ".cold"}, {"shown.cold", "shown"}, {"f.constprop.0.isra.3", "f"}, {"f.part.0.cold", "f"},
      {"runtime.mallocgc", "runtime.mallocgc"}, {"main._omp_fn.0", "main._omp_fn.0"}, {"_Zinvalid", "_Zinvalid"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = ouro__symbols_function(cases[i][0]);
    assert_string_equal(text, cases[i][1]);
    free(text);
  }
  char *text = ouro__symbols_function("_ZN5alloc7raw_vec6finish17h0123456789abcdefE");
  assert_true(strcmp(text, "alloc::raw_vec::finish") == 0 || strncmp(text, "_ZN", 3) == 0); /* the latter without a demangler */
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_in_a_mapped_file_gets_its_function),
      cmocka_unit_test(what_is_no_file_of_code_gives_no_name),
      cmocka_unit_test(a_pipe_is_not_waited_for),
      cmocka_unit_test(a_file_that_is_cut_short_does_no_harm),
      cmocka_unit_test(the_module_of_the_frames_generation_is_asked),
      cmocka_unit_test(frames_that_are_known_stay),
      cmocka_unit_test(a_call_that_was_inlined_is_a_frame_of_its_own),
      cmocka_unit_test(paths_are_told_without_detours),
      cmocka_unit_test(functions_are_told_as_they_were_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
