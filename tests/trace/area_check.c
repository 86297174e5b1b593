/* tests/trace/area_check.c - see area_check.h. It reads the file with nothing of the tracer but area.h. */
#include "area_check.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = OURO_AREA_CHUNK_BYTES - OURO_AREA_CHUNK_HEAD, CHUNKS = 4096 };

area_file area_open(const char *directory, int pid) {
  char path[256];
  struct stat what;
  area_file file = {0};
  snprintf(path, sizeof path, "%s/%d.trace", directory, pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file;
  if (fstat(fd, &what) == 0 && what.st_size >= OURO_AREA_PAGE_BYTES) {
    void *page = mmap(NULL, (size_t)what.st_size, PROT_READ, MAP_SHARED, fd, 0);
    TEST_CHECK(page != MAP_FAILED);
    file = (area_file){page, (size_t)what.st_size};
  }
  close(fd);
  if (file.page && atomic_load(&file.page->magic) != OURO_AREA_MAGIC) area_close(&file);
  return file;
}

void area_close(area_file *file) {
  if (file->page) munmap((void *)(uintptr_t)file->page, file->bytes);
  file->page = NULL;
}

/* ---------------------------------------------------------------- tables */

typedef struct tables {
  const area_file *file;
  const char *chunk[OURO_AREA_TABLES][CHUNKS];
  uint32_t chunks[OURO_AREA_TABLES];
  uint64_t count[OURO_AREA_TABLES];
  const char *from;
  int line;
} tables;

#define HOLDS(t, condition) ((condition) ? (void)0 : test_failed(#condition, (t)->from, (t)->line))

static void read_chunks(tables *t) {
  const ouro__area_page *page = t->file->page;
  /* Counts first: they tell of chunks that are there. */
  for (unsigned table = 0; table < OURO_AREA_TABLES; table++) t->count[table] = atomic_load(&page->counts[table]);
  uint32_t chunks = atomic_load(&page->chunks);
  for (uint32_t i = 0; i < chunks; i++) {
    size_t at = OURO_AREA_PAGE_BYTES + (size_t)i * OURO_AREA_CHUNK_BYTES;
    if (at + OURO_AREA_CHUNK_BYTES > t->file->bytes) break; /* it grew after we mapped it */
    const ouro__area_chunk *head = (const ouro__area_chunk *)(const void *)((const char *)page + at);
    HOLDS(t, head->table < OURO_AREA_TABLES);
    HOLDS(t, head->index == t->chunks[head->table] && head->index < CHUNKS);
    t->chunk[head->table][t->chunks[head->table]++] = (const char *)head + OURO_AREA_CHUNK_HEAD;
  }
}

static const void *entry(const tables *t, unsigned table, uint64_t number) {
  uint32_t bytes = t->file->page->entry_bytes[table];
  uint64_t per_chunk = ROOM / bytes;
  if (number / per_chunk >= t->chunks[table]) return NULL; /* beyond what was mapped */
  return t->chunk[table][number / per_chunk] + number % per_chunk * bytes;
}

static void check_string(const tables *t, uint32_t at) {
  uint32_t length;
  HOLDS(t, at < t->count[OURO_AREA_STRINGS] && at % 4 == 0);
  const char *text = entry(t, OURO_AREA_STRINGS, at);
  if (!text) return;
  memcpy(&length, text, sizeof length);
  HOLDS(t, at % ROOM + sizeof length + length + 1 <= ROOM);
  HOLDS(t, memchr(text + sizeof length, 0, length + 1) == text + sizeof length + length);
}

static void check_frame(const tables *t, uint64_t number) {
  const ouro__area_frame *frame = entry(t, OURO_AREA_FRAMES, number);
  if (!frame || number == 0) return;
  HOLDS(t, frame->kind >= OURO_FRAME_PYTHON && frame->kind <= OURO_FRAME_SOURCE);
  HOLDS(t, (frame->kind == OURO_FRAME_NATIVE) == (frame->address != 0));
  check_string(t, frame->file);
  check_string(t, frame->function);
}

static void check_node(const tables *t, uint64_t number) {
  const ouro__area_node *node = entry(t, OURO_AREA_NODES, number);
  if (!node || number == 0) return;
  HOLDS(t, node->parent < number);
  HOLDS(t, node->frame > 0 && node->frame < t->count[OURO_AREA_FRAMES]);
}

/* Of what was cleared meanwhile, the entries are of newer sites: so what they refer to is counted after they were read. */
static void check_site(const tables *t, const ouro__area_site *site, bool quiet) {
  uint32_t node = __atomic_load_n(&site->node, __ATOMIC_ACQUIRE), thread = __atomic_load_n(&site->thread, __ATOMIC_ACQUIRE);
  HOLDS(t, node < atomic_load(&t->file->page->counts[OURO_AREA_NODES]));
  HOLDS(t, thread < atomic_load(&t->file->page->counts[OURO_AREA_THREADS]));
  HOLDS(t, site->domain < OURO_DOMAINS);
  check_string(t, site->type);
  if (!quiet) return;
  HOLDS(t, site->live <= site->allocs && site->live_bytes <= site->bytes);
}

static void check_sums(const tables *t) {
  const ouro__area_page *page = t->file->page;
  uint64_t live = 0, live_bytes = 0, allocs = 0, bytes = 0;
  for (uint64_t i = 0; i < t->count[OURO_AREA_SITES]; i++) {
    const ouro__area_site *site = entry(t, OURO_AREA_SITES, i);
    HOLDS(t, site != NULL);
    live += site->live;
    live_bytes += site->live_bytes;
    allocs += site->allocs;
    bytes += site->bytes;
  }
  HOLDS(t, live == page->live && live_bytes == page->live_bytes);
  HOLDS(t, allocs == page->allocs && bytes == page->bytes);
}

void area_check(const area_file *file, bool quiet, const char *from, int line) {
  static _Thread_local tables t;
  t = (tables){.file = file, .from = from, .line = line};
  HOLDS(&t, file->page->version == OURO_AREA_VERSION);
  HOLDS(&t, file->page->entry_bytes[OURO_AREA_SITES] == sizeof(ouro__area_site));
  /* Sites last: what they refer to was there before them, so it is counted when the other counts are read after theirs. */
  uint64_t sites = atomic_load(&file->page->counts[OURO_AREA_SITES]);
  read_chunks(&t);
  t.count[OURO_AREA_SITES] = quiet ? t.count[OURO_AREA_SITES] : sites;
  for (uint64_t i = 0; i < t.count[OURO_AREA_FRAMES]; i++) check_frame(&t, i);
  for (uint64_t i = 0; i < t.count[OURO_AREA_NODES]; i++) check_node(&t, i);
  for (uint64_t i = 0; i < t.count[OURO_AREA_SITES]; i++) {
    const ouro__area_site *site = entry(&t, OURO_AREA_SITES, i);
    if (site) check_site(&t, site, quiet);
  }
  if (quiet) check_sums(&t);
}

/* ---------------------------------------------------------------- directories */

const char *directory_new(void) {
  static char name[64];
  snprintf(name, sizeof name, "/tmp/ouro-test-XXXXXX");
  TEST_CHECK(mkdtemp(name));
  return name;
}

void directory_delete(const char *directory) {
  DIR *list = opendir(directory);
  for (struct dirent *entry; list && (entry = readdir(list));) unlinkat(dirfd(list), entry->d_name, 0);
  if (list) closedir(list);
  rmdir(directory);
}
