/* tests/adapters/test_uv.c - libuv on ouro's heap: files, a TCP echo, the thread pool, and nothing left at the end.
 * Linked with: libouro, libuv. */
#include "balance.h"

#include <string.h>
#include <unistd.h>

#include <uv.h>

#include <ouro/adapt/uv.h>

static size_t before_uv;

static void a_block_of_libuv_is_a_block_of_ouro(void **unused) {
  (void)unused;
  uv_env_item_t *items;
  int count;
  assert_int_equal(uv_os_environ(&items, &count), 0);
  assert_true(count > 0);
  assert_true(ouro_owns(items));
  assert_true(ouro_owns(items[0].name));
  uv_os_free_environ(items, count);
}

/* ---------------------------------------------------------------- files */

static void files_are_written_and_read(void **unused) {
  (void)unused;
  char folder[] = "/tmp/ouro-uv-XXXXXX";
  char path[64], link[64];
  uv_fs_t request;
  assert_non_null(mkdtemp(folder));
  snprintf(link, sizeof link, "%s/link", folder);
  for (int i = 0; i < 50; i++) {
    snprintf(path, sizeof path, "%s/%02d", folder, i);
    int file = uv_fs_open(NULL, &request, path, UV_FS_O_CREAT | UV_FS_O_RDWR, 0600, NULL);
    assert_true(file >= 0);
    uv_fs_req_cleanup(&request);
    uv_buf_t buffer = uv_buf_init(path, (unsigned)strlen(path));
    assert_int_equal(uv_fs_write(NULL, &request, file, &buffer, 1, 0, NULL), strlen(path));
    uv_fs_req_cleanup(&request);
    assert_int_equal(uv_fs_close(NULL, &request, file, NULL), 0);
    uv_fs_req_cleanup(&request);
  }
  /* uv_fs_readlink, not uv_fs_realpath: see the head of ouro/adapt/uv.h. */
  uv_fs_t scan;
  uv_dirent_t entry;
  assert_int_equal(uv_fs_scandir(NULL, &scan, folder, 0, NULL), 50);
  while (uv_fs_scandir_next(&scan, &entry) != UV_EOF) {
    snprintf(path, sizeof path, "%s/%s", folder, entry.name);
    assert_int_equal(uv_fs_symlink(NULL, &request, path, link, 0, NULL), 0);
    uv_fs_req_cleanup(&request);
    assert_int_equal(uv_fs_readlink(NULL, &request, link, NULL), 0);
    assert_true(ouro_owns(request.ptr));
    assert_string_equal((char *)request.ptr, path);
    uv_fs_req_cleanup(&request);
    assert_int_equal(uv_fs_unlink(NULL, &request, link, NULL), 0);
    uv_fs_req_cleanup(&request);
    assert_int_equal(uv_fs_unlink(NULL, &request, path, NULL), 0);
    uv_fs_req_cleanup(&request);
  }
  uv_fs_req_cleanup(&scan);
  assert_int_equal(rmdir(folder), 0);
}

/* ---------------------------------------------------------------- a TCP echo: a client sends a message often, and gets it back */

enum { ROUNDS = 200, MESSAGE = 3000 };

typedef struct echo {
  uv_loop_t loop;
  uv_tcp_t listener, server, client;
  uv_connect_t connect;
  size_t received;
  int rounds;
  char message[MESSAGE];
} echo;

typedef struct echo_write {
  uv_write_t request;
  char bytes[];
} echo_write;

static void on_written(uv_write_t *request, int status) {
  assert_int_equal(status, 0);
  ouro_free(request->data);
}

/* Each write has a block of its own from ouro, so that the program and libuv share one heap. */
static void send_copy(uv_stream_t *stream, const char *bytes, size_t length) {
  echo_write *copy = ouro_malloc(sizeof *copy + length);
  assert_non_null(copy);
  memcpy(copy->bytes, bytes, length);
  copy->request.data = copy;
  uv_buf_t buffer = uv_buf_init(copy->bytes, (unsigned)length);
  assert_int_equal(uv_write(&copy->request, stream, &buffer, 1, on_written), 0);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)handle;
  *buffer = uv_buf_init(ouro_malloc(suggested), (unsigned)suggested);
}

static void on_server_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
  if (length > 0) send_copy(stream, buffer->base, (size_t)length);
  ouro_free(buffer->base);
  if (length < 0) uv_close((uv_handle_t *)stream, NULL);
}

static void on_client_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
  echo *e = stream->data;
  assert_true(length > 0);
  assert_true(e->received + (size_t)length <= MESSAGE);
  assert_memory_equal(buffer->base, e->message + e->received, (size_t)length);
  ouro_free(buffer->base);
  e->received += (size_t)length;
  if (e->received < MESSAGE) return;
  e->received = 0;
  if (++e->rounds < ROUNDS) {
    send_copy(stream, e->message, MESSAGE);
  } else {
    uv_close((uv_handle_t *)stream, NULL);
    uv_close((uv_handle_t *)&e->listener, NULL);
  }
}

static void on_connection(uv_stream_t *listener, int status) {
  echo *e = listener->data;
  assert_int_equal(status, 0);
  assert_int_equal(uv_accept(listener, (uv_stream_t *)&e->server), 0);
  assert_int_equal(uv_read_start((uv_stream_t *)&e->server, on_allocate, on_server_read), 0);
}

static void on_connected(uv_connect_t *connect, int status) {
  echo *e = connect->data;
  assert_int_equal(status, 0);
  assert_int_equal(uv_read_start((uv_stream_t *)&e->client, on_allocate, on_client_read), 0);
  send_copy((uv_stream_t *)&e->client, e->message, MESSAGE);
}

static void a_tcp_echo_runs_on_the_heap(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  echo *e = ouro_calloc(1, sizeof *e);
  struct sockaddr_in address;
  int length = sizeof address;
  test_fill(e->message, MESSAGE, 3);
  assert_int_equal(uv_loop_init(&e->loop), 0);
  assert_int_equal(uv_tcp_init(&e->loop, &e->listener), 0);
  assert_int_equal(uv_tcp_init(&e->loop, &e->server), 0);
  assert_int_equal(uv_tcp_init(&e->loop, &e->client), 0);
  e->listener.data = e->client.data = e->connect.data = e;
  uv_ip4_addr("127.0.0.1", 0, &address);
  assert_int_equal(uv_tcp_bind(&e->listener, (struct sockaddr *)&address, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t *)&e->listener, 1, on_connection), 0);
  assert_int_equal(uv_tcp_getsockname(&e->listener, (struct sockaddr *)&address, &length), 0);
  assert_int_equal(uv_tcp_connect(&e->connect, &e->client, (struct sockaddr *)&address, on_connected), 0);
  assert_int_equal(uv_run(&e->loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(e->rounds, ROUNDS);
  assert_int_equal(uv_loop_close(&e->loop), 0);
  ouro_free(e);
  assert_int_equal(blocks_live(), before);
}

/* ---------------------------------------------------------------- blocks that go from the pool's threads to the loop's */

enum { JOBS = 400 };

static int finished;

static void job_body(uv_work_t *work) {
  size_t size = (size_t)(1 + (uintptr_t)work->data % 5000);
  char *block = ouro_malloc(size);
  TEST_CHECK(block);
  test_fill(block, size, size);
  work->data = block;
}

static void job_done(uv_work_t *work, int status) {
  assert_int_equal(status, 0);
  assert_true(ouro_owns(work->data));
  ouro_free(work->data);
  ouro_free(work);
  finished++;
}

static void the_thread_pool_hands_blocks_over(void **unused) {
  (void)unused;
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  for (uintptr_t i = 0; i < JOBS; i++) {
    uv_work_t *work = ouro_malloc(sizeof *work);
    work->data = (void *)(i * 37);
    assert_int_equal(uv_queue_work(&loop, work, job_body, job_done), 0);
  }
  assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(finished, JOBS);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static int install(void **unused) {
  (void)unused;
  before_uv = blocks_live();
  return ouro_uv_replace_allocator();
}

/* The last test: it takes libuv down. */
static void nothing_is_left_after_shutdown(void **unused) {
  (void)unused;
  uv_library_shutdown();
  assert_int_equal(blocks_live(), before_uv);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_block_of_libuv_is_a_block_of_ouro), cmocka_unit_test(files_are_written_and_read),
      cmocka_unit_test(a_tcp_echo_runs_on_the_heap),         cmocka_unit_test(the_thread_pool_hands_blocks_over),
      cmocka_unit_test(nothing_is_left_after_shutdown),
  };
  return cmocka_run_group_tests(tests, install, NULL);
}
