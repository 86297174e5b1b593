/* examples/pipeline/stages.c - see stages.h. */
#include "stages.h"

#include <string.h>
#include <unistd.h>

enum { OUT_ROOM = 1024 }; /* of the writer's queue: what it gets are single lines */

static void fail(pipeline *p, const char *why) {
  const char *nothing = NULL;
  atomic_compare_exchange_strong(&p->failed, &nothing, why);
  queue_stop(&p->chunks);
  queue_stop(&p->batches);
  queue_stop(&p->out);
}

/* A thread is attached by the first thing that it does with objects. For a parser that would be to take a chunk, and later
 * to release it, where there is no way to say that the thread is refused. So each stage asks before. */
static bool begin(pipeline *p) {
  int code = ouro_thread_attach();
  if (code != OURO_OK) fail(p, code == OURO_EPERM ? "a second thread was refused" : "out of memory");
  return code == OURO_OK;
}

/* ---------------------------------------------------------------- reader */

typedef struct window {
  char *bytes;
  size_t used, room;
} window;

/* Read until the window is full, or the file ends. It may sleep, so the thread says that it touches no object
 * meanwhile. (That is why it does not read into a chunk: that would be one.) */
static bool window_fill(window *w, FILE *in) {
  ouro_blocking_begin();
  w->used += fread(w->bytes + w->used, 1, w->room - w->used, in);
  ouro_blocking_end();
  return !ferror(in);
}

static size_t whole_lines(const window *w) {
  size_t end = w->used;
  while (end && w->bytes[end - 1] != '\n') end--;
  return end;
}

static bool window_double(window *w) {
  char *wide = ouro_realloc(w->bytes, 2 * w->room);
  if (!wide) return false;
  w->bytes = wide;
  w->room *= 2;
  return true;
}

/* Hand on the first `length` bytes of the window. */
static const char *hand_on(pipeline *p, window *w, size_t length, size_t *line) {
  OURO_OWNED(chunk) made = chunk_new(w->bytes, length, *line);
  const chunk *c = ouro_borrow(made);
  if (!c) return "out of memory";
  *line += c->lines;
  p->bytes += length;
  w->used -= length;
  memmove(w->bytes, w->bytes + length, w->used);
  /* `made` belongs to the queue from here on: `c` may be gone already. */
  return queue_push(&p->chunks, made) ? NULL : "stopped";
}

static const char *read_all(pipeline *p, window *w) {
  const char *wrong = NULL;
  size_t line = 1;
  while (!wrong && !feof(p->in)) {
    if (!window_fill(w, p->in)) return "cannot read";
    size_t length = feof(p->in) ? w->used : whole_lines(w);
    if (length)
      wrong = hand_on(p, w, length, &line);
    else if (w->used && !window_double(w))
      wrong = "out of memory";
  }
  return wrong;
}

static void *reader(void *arg) {
  pipeline *p = arg;
  window w = {.bytes = ouro_malloc(p->options.chunk), .room = p->options.chunk};
  if (begin(p)) {
    const char *wrong = w.bytes ? read_all(p, &w) : "out of memory";
    if (wrong) fail(p, wrong);
  }
  queue_done(&p->chunks);
  ouro_free(w.bytes);
  return NULL;
}

/* ---------------------------------------------------------------- parser */

static size_t objects_of(const batch *b) {
  size_t objects = 1 + b->head.count;
  for (size_t i = 0; i < b->head.count; i++) objects += ((record *)ouro_borrow(b->record[i]))->head.count;
  return objects;
}

static void *parser(void *arg) {
  pipeline *p = arg;
  while (begin(p)) {
    OURO_AUTO(chunk) taken = queue_pop(&p->chunks);
    if (!ouro_borrow(taken)) break;
    OURO_OWNED(batch) made = batch_parse(ouro_borrow(taken), p->options.links);
    if (!ouro_borrow(made)) {
      fail(p, "out of memory");
      break;
    }
    atomic_fetch_add(&p->objects, objects_of(ouro_borrow(made)));
    if (!queue_push(&p->batches, made)) break;
  }
  queue_done(&p->batches);
  return NULL;
}

/* ---------------------------------------------------------------- aggregator */

static bool has_field(const record *r, const char *wanted) {
  size_t length = strlen(wanted);
  for (size_t i = 0; i < r->head.count; i++)
    if (text_is(ouro_borrow(r->field[i]), wanted, length)) return true;
  return false;
}

/* What is wanted goes on to the writer, with a reference of its own: it outlives its batch. */
static bool look_at(pipeline *p, record *r) {
  if (!tally_add(&p->tally, r)) {
    fail(p, "out of memory");
    return false;
  }
  return !p->options.match || !has_field(r, p->options.match) || queue_push(&p->out, ouro_newref(r));
}

/* Push a line of the answer. */
static bool say(pipeline *p, OURO_OWNED(text) line) {
  if (ouro_borrow(line)) return queue_push(&p->out, line);
  fail(p, "out of memory");
  return false;
}

static bool say_longest(pipeline *p) {
  const ranking *longest = ouro_borrow(p->tally.longest);
  bool good = true;
  for (size_t i = 0; good && i < longest->head.count; i++) {
    const record *r = ouro_borrow(longest->record[i]);
    if (r) good = say(p, text_format("long: line %zu, %zu bytes, %zu fields\n", r->line, r->length, r->head.count));
  }
  return good;
}

static bool say_top(pipeline *p) {
  group *top[TOP_MOST];
  ptrdiff_t count = tally_top(&p->tally, top, p->tally.top);
  if (count < 0) fail(p, "out of memory");
  bool good = count >= 0;
  for (ptrdiff_t i = 0; good && i < count; i++) {
    text *key = ouro_borrow(top[i]->key);
    good = say(p, text_format("top: %9zu  ", top[i]->count)) && say(p, ouro_newref(key)) && say(p, text_new("\n", 1));
  }
  return good;
}

static void say_all(pipeline *p) {
  const tally *t = &p->tally;
  if (say(p, text_format("all: %zu lines, %zu fields, %zu bytes in them\n", t->lines, t->fields, t->bytes)) &&
      say(p, text_format("groups by field %zu: %zu, and %zu lines without\n", t->field, t->groups, t->without)) &&
      say_top(p))
    say_longest(p);
}

static void *aggregator(void *arg) {
  pipeline *p = arg;
  bool good = begin(p);
  if (good && !tally_open(&p->tally, p->options.field, p->options.top)) {
    fail(p, "out of memory");
    good = false;
  }
  while (good) {
    OURO_AUTO(batch) taken = queue_pop(&p->batches);
    const batch *b = ouro_borrow(taken);
    if (!b) break;
    for (size_t i = 0; good && i < b->head.count; i++) good = look_at(p, ouro_borrow(b->record[i]));
    size_t threads = ouro_thread_count();
    if (threads > p->threads) p->threads = threads;
    ouro_safepoint();
  }
  if (good && !atomic_load(&p->failed)) say_all(p);
  tally_close(&p->tally);
  queue_done(&p->out);
  return NULL;
}

/* ---------------------------------------------------------------- writer */

typedef struct output {
  size_t used;
  bool failed;
  char bytes[1 << 16];
} output;

static void flush(output *o) {
  ouro_blocking_begin();
  for (size_t at = 0; at < o->used && !o->failed;) {
    ssize_t written = write(STDOUT_FILENO, o->bytes + at, o->used - at);
    o->failed = written < 0;
    if (written > 0) at += (size_t)written;
  }
  ouro_blocking_end();
  o->used = 0;
}

static void put(output *o, const char *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    if (o->used == sizeof o->bytes) flush(o);
    size_t room = sizeof o->bytes - o->used, part = length - at < room ? length - at : room;
    memcpy(o->bytes + o->used, bytes + at, part);
    o->used += part;
    at += part;
  }
}

static void put_record(output *o, const record *r) {
  char number[40];
  put(o, number, (size_t)snprintf(number, sizeof number, "line %zu:", r->line));
  for (size_t i = 0; i < r->head.count; i++) {
    const text *field = ouro_borrow(r->field[i]);
    put(o, " ", 1);
    put(o, field->bytes, field->head.count);
  }
  put(o, "\n", 1);
}

static void *writer(void *arg) {
  pipeline *p = arg;
  output *o = begin(p) ? ouro_calloc(1, sizeof *o) : NULL;
  if (!o) fail(p, "out of memory");
  while (o && !o->failed) {
    OURO_AUTO(ouro_object) taken = queue_pop(&p->out);
    void *object = ouro_borrow(taken);
    if (!object) break;
    if (ouro_type_of(object) == &record_type)
      put_record(o, object);
    else
      put(o, ((text *)object)->bytes, ((text *)object)->head.count);
  }
  if (o) flush(o);
  if (o && o->failed) fail(p, "cannot write");
  ouro_free(o);
  return NULL;
}

/* ---------------------------------------------------------------- all of them */

static bool open_queues(pipeline *p) {
  const options *o = &p->options;
  if (queue_open(&p->chunks, o->room, 1) != 0) return false;
  if (queue_open(&p->batches, o->room, o->parsers) == 0) {
    if (queue_open(&p->out, OUT_ROOM, 1) == 0) return true;
    queue_close(&p->batches);
  }
  queue_close(&p->chunks);
  return false;
}

/* A stage that does not start counts as one that failed: those that have started end, and so does this. */
static size_t start(pipeline *p, pthread_t *threads) {
  void *(*const stages[])(void *) = {reader, aggregator, writer};
  size_t started = 0;
  for (size_t i = 0; i < 3 + p->options.parsers && !atomic_load(&p->failed); i++) {
    if (pthread_create(&threads[started], NULL, i < 3 ? stages[i] : parser, p) == 0)
      started++;
    else
      fail(p, "cannot start a thread");
  }
  return started;
}

bool pipeline_run(pipeline *p) {
  pthread_t threads[3 + PARSERS_MOST];
  if (!open_queues(p)) {
    p->failed = "out of memory";
    return false;
  }
  size_t started = start(p, threads);
  /* The thread that waits here is OUT: whoever stops the world need not wait for it. */
  ouro_blocking_begin();
  for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
  ouro_blocking_end();
  queue_close(&p->out);
  queue_close(&p->batches);
  queue_close(&p->chunks);
  return !p->failed;
}
