/* trace/store.c - the area: where it lies, how it grows, what becomes of it over fork.
 *
 * Chunks are mapped one by one, each where the system likes it; `chunks` knows them in the order in which they came, `places` by table.
 * Under `ouro run` they are parts of a file. Its blocks are allocated before they are mapped: on a full disk a write to a mapped hole would kill
 * the program. No descriptor stays open: the file is opened by its name for each new chunk.
 *
 * A child of fork must not write into its parent's file: it gets its own copy, mapped over the old one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "trace/tracer.h"

enum { CHUNKS_MOST = 32768, PATH_BYTES = 512 };

#define ENTRIES_ROOM (OURO_AREA_CHUNK_BYTES - OURO_AREA_CHUNK_HEAD)

static const uint32_t entry_bytes[OURO_AREA_TABLES] = {
    1, sizeof(ouro__area_frame), sizeof(ouro__area_node), sizeof(ouro__area_site),
    sizeof(ouro__area_module), sizeof(ouro__area_thread), sizeof(ouro__area_pin)};

/* How many chunks a table may have. Sites: as many as a block's word can name. */
enum { MOST_STRINGS = 8192, MOST_FRAMES = 4096, MOST_NODES = 8192, MOST_SITES = 7800, MOST_MODULES = 16, MOST_THREADS = 32, MOST_PINS = 4096 };
static const uint32_t chunks_most[OURO_AREA_TABLES] = {MOST_STRINGS, MOST_FRAMES, MOST_NODES, MOST_SITES, MOST_MODULES, MOST_THREADS, MOST_PINS};

ouro__area_site **ouro__sites;
static char *string_chunks[MOST_STRINGS], *frame_chunks[MOST_FRAMES], *node_chunks[MOST_NODES], *site_chunks[MOST_SITES], *module_chunks[MOST_MODULES],
    *thread_chunks[MOST_THREADS], *pin_chunks[MOST_PINS];
static char **const places[OURO_AREA_TABLES] = {string_chunks, frame_chunks,  node_chunks, site_chunks,
                                                module_chunks, thread_chunks, pin_chunks};
static uint32_t places_used[OURO_AREA_TABLES];
static char *chunks[CHUNKS_MOST];

static char directory[PATH_BYTES / 2]; /* empty: the area is plain memory */
static char path[PATH_BYTES];          /* of the file; empty: none */

/* ---------------------------------------------------------------- files */

static void name_file(char *name, unsigned number, const char *suffix) {
  ouro__text text = {name, PATH_BYTES - 1};
  ouro__text_str(&text, directory);
  ouro__text_str(&text, "/");
  ouro__text_num(&text, (uint64_t)ouro__os_pid());
  if (number) {
    ouro__text_str(&text, "-");
    ouro__text_num(&text, number);
  }
  ouro__text_str(&text, suffix);
}

/* The first name that is not taken: a process that executes another program has an area for each. */
static void choose_name(void) {
  for (unsigned number = 0; number < 10000; number++) {
    name_file(path, number, ".trace");
    if (access(path, F_OK) != 0) return;
  }
  path[0] = 0;
}

/* Growing a file beyond the user's limit would kill the program by a signal. */
static int may_grow(off_t end) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && (rlim_t)end > limit.rlim_cur ? EFBIG : 0;
}

/* Map `bytes` of the file from `offset` on, at `where` or anywhere; NULL: *error says why. */
static void *map_file(const char *name, int flags, off_t offset, size_t bytes, void *where, int *error) {
  *error = may_grow(offset + (off_t)bytes);
  if (*error) return NULL;
  int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0) {
    *error = errno;
    return NULL;
  }
  do *error = posix_fallocate(fd, offset, (off_t)bytes);
  while (*error == EINTR);
  void *memory = *error ? MAP_FAILED : mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | (where ? MAP_FIXED : 0), fd, offset);
  if (memory == MAP_FAILED && !*error) *error = errno;
  close(fd);
  return memory == MAP_FAILED ? NULL : memory;
}

static void *map_more(off_t offset, size_t bytes, int *error) {
  if (path[0]) return map_file(path, 0, offset, bytes, NULL, error);
  void *memory = ouro__os_map(bytes);
  *error = memory ? 0 : ENOMEM;
  return memory;
}

/* ---------------------------------------------------------------- the page */

static void read_command(ouro__area_page *page) {
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, page->command, sizeof page->command - 2);
  if (fd >= 0) close(fd);
  memset(page->command + (length > 0 ? length : 0), 0, sizeof page->command - (size_t)(length > 0 ? length : 0));
}

static void fill_page(ouro__area_page *page) {
  page->version = OURO_AREA_VERSION;
  memcpy(page->entry_bytes, entry_bytes, sizeof entry_bytes);
  page->pid = ouro__os_pid();
  page->parent = getppid();
  read_command(page);
  ouro__store_relaxed(&page->state, OURO_AREA_RUNNING);
}

static bool only_this; /* children of fork are not traced */

bool ouro__trace_publish(const char *name, bool children) {
  size_t length = strlen(name);
  if (length == 0 || length >= sizeof directory || ouro__tracing.page) return false;
  memcpy(directory, name, length + 1);
  only_this = !children;
  return ouro__store_start() && path[0];
}

/* Entry 0 of each table means nothing, or stands for the rest. */
static bool make_first_entries(void) {
  uint32_t index;
  for (enum ouro__area_table table = OURO_AREA_FRAMES; table < OURO_AREA_PINS; table++) {
    if (table == OURO_AREA_MODULES) continue;
    if (!ouro__store_new(table, &index)) return false;
    ouro__store_commit(table);
  }
  ouro__store_string("", 0);
  return places_used[OURO_AREA_STRINGS] != 0;
}

/* There is no memory: as if nothing had been. */
static bool undo_start(ouro__area_page *page) {
  uint32_t count = page ? ouro__load_relaxed(&page->chunks) : 0;
  for (uint32_t i = 0; i < count; i++) ouro__os_unmap(chunks[i], OURO_AREA_CHUNK_BYTES);
  memset(places_used, 0, sizeof places_used);
  if (page) ouro__os_unmap(page, OURO_AREA_PAGE_BYTES);
  if (ouro__sites) ouro__os_unmap(ouro__sites, OURO_SITES_MAX * sizeof *ouro__sites);
  if (path[0]) unlink(path);
  path[0] = 0;
  ouro__sites = NULL;
  ouro__tracing.page = NULL;
  return false;
}

bool ouro__store_start(void) {
  if (ouro__tracing.page) return true;
  int error;
  ouro__area_page *page = NULL;
  if (directory[0]) {
    choose_name();
    if (path[0]) page = map_file(path, O_CREAT | O_EXCL, 0, OURO_AREA_PAGE_BYTES, NULL, &error);
    if (!page) path[0] = 0;
  }
  if (!page) page = map_more(0, OURO_AREA_PAGE_BYTES, &error);
  ouro__sites = ouro__os_map(OURO_SITES_MAX * sizeof *ouro__sites); /* touched as far as there are sites */
  if (!page || !ouro__sites) return undo_start(page);
  ouro__tracing.page = page;
  fill_page(page);
  if (!make_first_entries()) return undo_start(page);
  ouro__store_release(&page->magic, OURO_AREA_MAGIC); /* pairs with the acquire of readers */
  return true;
}

/* ---------------------------------------------------------------- entries */

static bool add_chunk(enum ouro__area_table table) {
  ouro__area_page *page = ouro__tracing.page;
  uint32_t number = ouro__load_relaxed(&page->chunks);
  int error = ENOSPC, saved_errno = errno;
  char *chunk = NULL;
  if (ouro__load_relaxed(&page->broken)) return false;
  if (number < CHUNKS_MOST && places_used[table] < chunks_most[table]) {
    chunk = map_more(OURO_AREA_PAGE_BYTES + (off_t)number * OURO_AREA_CHUNK_BYTES, OURO_AREA_CHUNK_BYTES, &error);
  }
  errno = saved_errno;
  if (!chunk) {
    ouro__store_relaxed(&page->broken, (uint32_t)error);
    return false;
  }
  ouro__area_chunk *head = (ouro__area_chunk *)(void *)chunk;
  head->table = table;
  head->index = places_used[table];
  chunks[number] = chunk;
  places[table][places_used[table]++] = chunk + OURO_AREA_CHUNK_HEAD;
  ouro__store_release(&page->chunks, number + 1); /* pairs with the acquire of readers */
  return true;
}

void *ouro__store_at(enum ouro__area_table table, uint32_t index) {
  uint32_t per_chunk = ENTRIES_ROOM / entry_bytes[table];
  return places[table][index / per_chunk] + (size_t)(index % per_chunk) * entry_bytes[table];
}

void *ouro__store_new(enum ouro__area_table table, uint32_t *index) {
  uint32_t count = ouro__store_count(table), per_chunk = ENTRIES_ROOM / entry_bytes[table];
  if (count / per_chunk >= places_used[table] && !add_chunk(table)) return NULL;
  *index = count;
  void *entry = memset(ouro__store_at(table, count), 0, entry_bytes[table]);
  if (table == OURO_AREA_SITES && ouro__sites[count] != entry) ouro__sites[count] = entry; /* after a clear, others may be reading the same */
  return entry;
}

void ouro__store_commit(enum ouro__area_table table) {
  _Atomic uint64_t *count = &ouro__tracing.page->counts[table];
  ouro__store_release(count, ouro__load_relaxed(count) + 1); /* pairs with the acquire of readers */
}

void ouro__store_clear(enum ouro__area_table table) { ouro__store_release(&ouro__tracing.page->counts[table], 0); }

void ouro__store_clear_sites(void) {
  memset(ouro__store_at(OURO_AREA_SITES, 0), 0, sizeof(ouro__area_site));
  ouro__store_release(&ouro__tracing.page->counts[OURO_AREA_SITES], 1);
}

/* A string lies in one chunk: what is left of the one before is skipped. */
uint32_t ouro__store_string(const char *text, size_t length) {
  uint64_t at = ouro__load_relaxed(&ouro__tracing.page->counts[OURO_AREA_STRINGS]);
  size_t bytes = (sizeof(uint32_t) + length + 1 + 3) & ~(size_t)3;
  if (at % ENTRIES_ROOM + bytes > ENTRIES_ROOM) at = (at / ENTRIES_ROOM + 1) * ENTRIES_ROOM;
  if (at / ENTRIES_ROOM >= places_used[OURO_AREA_STRINGS] && !add_chunk(OURO_AREA_STRINGS)) return 0;
  char *place = ouro__store_at(OURO_AREA_STRINGS, (uint32_t)at);
  uint32_t length32 = (uint32_t)length;
  memcpy(place, &length32, sizeof length32);
  memcpy(place + sizeof length32, text, length);
  place[sizeof length32 + length] = 0;
  ouro__store_release(&ouro__tracing.page->counts[OURO_AREA_STRINGS], at + bytes);
  return (uint32_t)at;
}

const char *ouro__store_text(uint32_t string) { return (const char *)ouro__store_at(OURO_AREA_STRINGS, string) + sizeof(uint32_t); }

/* ---------------------------------------------------------------- copies */

static bool write_all(int fd, const char *from, size_t bytes) {
  while (bytes) {
    ssize_t written = write(fd, from, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    bytes -= (size_t)written;
  }
  return true;
}

static bool write_area(int fd) {
  uint32_t count = ouro__load_relaxed(&ouro__tracing.page->chunks);
  if (!write_all(fd, (const char *)ouro__tracing.page, OURO_AREA_PAGE_BYTES)) return false;
  for (uint32_t i = 0; i < count; i++) {
    if (!write_all(fd, chunks[i], OURO_AREA_CHUNK_BYTES)) return false;
  }
  return true;
}

/* Of a write that failed, nothing is left; but what was no file before, such as /dev/stdout, stays. */
int ouro__store_write(const char *name, bool overwrite) {
  struct stat what;
  int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | (overwrite ? O_TRUNC : O_EXCL), 0666);
  if (fd < 0) return OURO_ESYSTEM;
  bool good = write_area(fd), file = fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
  int saved = errno;
  if (close(fd) != 0 && good) {
    good = false;
    saved = errno;
  }
  if (!good && file) unlink(name);
  errno = saved;
  return good ? OURO_OK : OURO_ESYSTEM;
}

/* ---------------------------------------------------------------- fork
 *
 * After fork the parent goes on counting in the shared memory that the child has yet to copy. So what changes there, the page and the sites, is
 * copied before, into memory that fork divides; entries of the other tables stay as they are. */

static char *saved;
static size_t saved_bytes;

static void drop_saved(void) {
  if (saved) ouro__os_unmap(saved, saved_bytes);
  saved = NULL;
}

void ouro__store_fork_before(void) {
  uint32_t count = places_used[OURO_AREA_SITES];
  if (!ouro__tracing.page || !path[0]) return;
  saved_bytes = OURO_AREA_PAGE_BYTES + (size_t)count * OURO_AREA_CHUNK_BYTES;
  saved = ouro__os_map(saved_bytes);
  if (!saved) return;
  memcpy(saved, ouro__tracing.page, OURO_AREA_PAGE_BYTES);
  for (uint32_t i = 0; i < count; i++) {
    memcpy(saved + OURO_AREA_PAGE_BYTES + (size_t)i * OURO_AREA_CHUNK_BYTES, site_chunks[i] - OURO_AREA_CHUNK_HEAD, OURO_AREA_CHUNK_BYTES);
  }
}

void ouro__store_fork_parent(void) { drop_saved(); }

/* Map the child's own memory over `where`, and fill it from `from`. Where there can be no file, it is plain memory. */
static bool map_own(char *where, off_t offset, size_t bytes, const char *from) {
  int error;
  void *fresh = path[0] ? map_file(path, O_CREAT, offset, bytes, where, &error) : NULL;
  if (!fresh) fresh = mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (fresh == MAP_FAILED) return false;
  memcpy(fresh, from, bytes);
  return true;
}

static bool take_over_chunk(uint32_t number, char *buffer) {
  const ouro__area_chunk *head = (const ouro__area_chunk *)(void *)chunks[number];
  const char *from = buffer;
  if (head->table == OURO_AREA_SITES) {
    from = saved + OURO_AREA_PAGE_BYTES + (size_t)head->index * OURO_AREA_CHUNK_BYTES;
  } else {
    memcpy(buffer, chunks[number], OURO_AREA_CHUNK_BYTES);
  }
  return map_own(chunks[number], OURO_AREA_PAGE_BYTES + (off_t)number * OURO_AREA_CHUNK_BYTES, OURO_AREA_CHUNK_BYTES, from);
}

static bool take_over(void) {
  char *buffer = saved && !only_this ? ouro__os_map(OURO_AREA_CHUNK_BYTES) : NULL;
  if (!buffer) return false;
  choose_name();
  uint32_t count = ouro__load_relaxed(&((const ouro__area_page *)(void *)saved)->chunks);
  bool good = map_own((char *)ouro__tracing.page, 0, OURO_AREA_PAGE_BYTES, saved);
  for (uint32_t number = 0; good && number < count; number++) good = take_over_chunk(number, buffer);
  ouro__os_unmap(buffer, OURO_AREA_CHUNK_BYTES);
  return good;
}

void ouro__store_fork_child(void) {
  ouro__area_page *page = ouro__tracing.page;
  bool good = page && (!path[0] || take_over());
  drop_saved();
  if (good) {
    page->parent = page->pid;
    page->pid = ouro__os_pid();
    ouro__store_clear(OURO_AREA_PINS);
  } else if (page) { /* never again in this process */
    ouro__store_relaxed(&ouro__trace_mode, OURO_TRACE_OFF);
    ouro__tracing.mode = OURO_TRACE_OFF;
    ouro__tracing.page = NULL;
  }
}
