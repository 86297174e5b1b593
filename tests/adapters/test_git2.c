/* tests/adapters/test_git2.c - libgit2 on ouro's heap: a repository is made, filled, walked and compared, and nothing is left.
 * Linked with: libouro, libgit2. */
#include "balance.h"

#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include <ouro/adapt/git2.h>

enum { COMMITS = 30, FILES = 20 };

static size_t before_git;
static char folder[] = "/tmp/ouro-git-XXXXXX";
static git_repository *repository;
static git_oid commits[COMMITS];

static void ok(int code) {
  if (code < 0) fail_msg("%s", git_error_last() ? git_error_last()->message : "libgit2 failed");
}

/* A tree of FILES files, of which each commit changes some. */
static void write_tree(git_oid *tree, int commit) {
  git_treebuilder *builder;
  ok(git_treebuilder_new(&builder, repository, NULL));
  for (int file = 0; file < FILES; file++) {
    char name[32], text[6000];
    git_oid blob;
    size_t length = 0;
    snprintf(name, sizeof name, "file-%02d.txt", file);
    for (int line = 0; line < 100; line++)
      length += (size_t)snprintf(text + length, sizeof text - length, "line %d of file %d, version %d\n", line, file,
                                 line % FILES == file ? commit : 0);
    ok(git_blob_create_from_buffer(&blob, repository, text, length));
    ok(git_treebuilder_insert(NULL, builder, name, &blob, GIT_FILEMODE_BLOB));
  }
  ok(git_treebuilder_write(tree, builder));
  git_treebuilder_free(builder);
}

static void commits_are_written(void **unused) {
  (void)unused;
  git_commit *parent = NULL;
  for (int i = 0; i < COMMITS; i++) {
    git_oid tree_id;
    git_tree *tree;
    git_signature *author;
    char message[64];
    write_tree(&tree_id, i);
    ok(git_tree_lookup(&tree, repository, &tree_id));
    ok(git_signature_new(&author, "A. Writer", "writer@example.org", 1700000000 + i, 0));
    assert_true(ouro_owns(author));
    snprintf(message, sizeof message, "commit %d", i);
    const git_commit *parents[] = {parent};
    ok(git_commit_create(&commits[i], repository, "HEAD", author, author, NULL, message, tree, parent ? 1 : 0,
                         parents));
    git_commit_free(parent);
    ok(git_commit_lookup(&parent, repository, &commits[i]));
    git_signature_free(author);
    git_tree_free(tree);
  }
  git_commit_free(parent);
}

static void history_is_walked(void **unused) {
  (void)unused;
  git_revwalk *walk;
  git_oid id;
  int seen = 0;
  ok(git_revwalk_new(&walk, repository));
  ok(git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL));
  ok(git_revwalk_push_head(walk));
  while (git_revwalk_next(&id, walk) == 0) {
    assert_true(git_oid_equal(&id, &commits[COMMITS - 1 - seen]));
    seen++;
  }
  assert_int_equal(seen, COMMITS);
  git_revwalk_free(walk);
}

static void commits_are_compared(void **unused) {
  (void)unused;
  git_tree *trees[2];
  git_diff *diff;
  git_buf patch = {0};
  for (int i = 0; i < 2; i++) {
    git_commit *commit;
    ok(git_commit_lookup(&commit, repository, &commits[i ? COMMITS - 1 : 0]));
    ok(git_commit_tree(&trees[i], commit));
    git_commit_free(commit);
  }
  ok(git_diff_tree_to_tree(&diff, repository, trees[0], trees[1], NULL));
  assert_int_equal(git_diff_num_deltas(diff), FILES);
  ok(git_diff_to_buf(&patch, diff, GIT_DIFF_FORMAT_PATCH));
  assert_true(ouro_owns(patch.ptr));
  assert_non_null(strstr(patch.ptr, "+line 0 of file 0, version 29"));
  git_buf_dispose(&patch);
  git_diff_free(diff);
  git_tree_free(trees[0]);
  git_tree_free(trees[1]);
}

static void an_error_is_reported_from_the_heap(void **unused) {
  (void)unused;
  git_repository *none;
  assert_int_equal(git_repository_open(&none, "/nowhere/at/all"), GIT_ENOTFOUND);
  assert_non_null(strstr(git_error_last()->message, "/nowhere/at/all"));
}

/* The functions for strings that libgit2 before 1.7 asks for, at their edges. */
static void strings_are_copied(void **unused) {
  (void)unused;
#if OURO__GIT_ALLOCATOR_OF_THREE
  skip();
#else
  git_allocator allocator = ouro_git_allocator();
  const char unterminated[] = {'a', 'b', 'c'};
  char *whole = allocator.gstrdup("words", __FILE__, __LINE__);
  char *longer = allocator.gstrndup("words", 100, __FILE__, __LINE__);
  char *shorter = allocator.gstrndup("words", 2, __FILE__, __LINE__);
  char *part = allocator.gsubstrdup(unterminated, 3, __FILE__, __LINE__);
  assert_string_equal(whole, "words");
  assert_string_equal(longer, "words");
  assert_string_equal(shorter, "wo");
  assert_string_equal(part, "abc");
  allocator.gfree(whole);
  allocator.gfree(longer);
  allocator.gfree(shorter);
  allocator.gfree(part);
  allocator.gfree(NULL);
  assert_null(allocator.gsubstrdup("x", test_opaque_size(SIZE_MAX), __FILE__, __LINE__));
  assert_null(allocator.gmallocarray(test_opaque_size(SIZE_MAX / 2), 3, __FILE__, __LINE__));
  assert_null(allocator.greallocarray(NULL, test_opaque_size(SIZE_MAX / 2), 3, __FILE__, __LINE__));
  assert_null(allocator.gcalloc(test_opaque_size(SIZE_MAX / 2), 3, __FILE__, __LINE__));
#endif
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status;
  (void)kind;
  (void)place;
  return remove(path);
}

static int install(void **unused) {
  (void)unused;
  git_allocator allocator = ouro_git_allocator();
  before_git = blocks_live();
  if (!mkdtemp(folder)) return -1;
  ok(git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator));
  ok(git_libgit2_init());
  ok(git_repository_init(&repository, folder, 0));
  assert_true(ouro_owns(repository));
  return 0;
}

/* The last test: it takes libgit2 down. */
static void nothing_is_left_after_shutdown(void **unused) {
  (void)unused;
  git_repository_free(repository);
  assert_int_equal(git_libgit2_shutdown(), 0);
  assert_int_equal(blocks_live(), before_git);
}

static int clean(void **unused) {
  (void)unused;
  return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commits_are_written),  cmocka_unit_test(history_is_walked),
      cmocka_unit_test(commits_are_compared), cmocka_unit_test(an_error_is_reported_from_the_heap),
      cmocka_unit_test(strings_are_copied),   cmocka_unit_test(nothing_is_left_after_shutdown),
  };
  return cmocka_run_group_tests(tests, install, clean);
}
