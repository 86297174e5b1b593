/* cli/profile/area.c - reads areas. Order matters, since the process writes meanwhile: an entry refers to entries of other
 * tables that were there before it, so the counts are read from the table that nobody refers to down to the one that refers to
 * nothing. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/profile/area.h"

#define CHUNKS_MOST (UINT32_C(1) << 20) /* what a file may have that somebody made up; 64 GiB */
#define PIN_TRIES 20
#define PIN_WAIT_NS 2000000

static const size_t entry_bytes[OURO_AREA_TABLES] = {
    [OURO_AREA_STRINGS] = 1,
    [OURO_AREA_FRAMES] = sizeof(ouro__area_frame),
    [OURO_AREA_NODES] = sizeof(ouro__area_node),
    [OURO_AREA_SITES] = sizeof(ouro__area_site),
    [OURO_AREA_MODULES] = sizeof(ouro__area_module),
    [OURO_AREA_THREADS] = sizeof(ouro__area_thread),
    [OURO_AREA_PINS] = sizeof(ouro__area_pin),
};

/* ---------------------------------------------------------------- the page and the chunks */

static bool known(const ouro__area_page *page) {
  if (page->magic != OURO_AREA_MAGIC || page->version != OURO_AREA_VERSION) return false;
  for (int table = 0; table < OURO_AREA_TABLES; table++) {
    if (page->entry_bytes[table] != entry_bytes[table]) return false;
  }
  return true;
}

static size_t entries_of_chunk(int table) {
  return (OURO_AREA_CHUNK_BYTES - OURO_AREA_CHUNK_HEAD) / entry_bytes[table];
}

static off_t chunk_offset(uint32_t chunk) { return OURO_AREA_PAGE_BYTES + (off_t)chunk * OURO_AREA_CHUNK_BYTES; }

/* Enter chunk number `chunk` of the file. A head that makes no sense is passed over. */
static bool enter_chunk(ouro__area *area, uint32_t chunk, const ouro__area_chunk *head, uint32_t most) {
  if (head->table >= OURO_AREA_TABLES || head->index >= most) return true;
  size_t count = area->chunk_count[head->table];
  if (head->index >= count) {
    size_t wanted = head->index + 1 > 2 * count ? head->index + 1 : 2 * count;
    uint32_t *grown = realloc(area->chunks[head->table], wanted * sizeof *grown);
    if (!grown) return false;
    memset(grown + count, 0, (wanted - count) * sizeof *grown);
    area->chunks[head->table] = grown;
    area->chunk_count[head->table] = wanted;
  }
  uint32_t *place = &area->chunks[head->table][head->index];
  if (!*place) *place = chunk + 1;
  return true;
}

static bool look_at_chunks(ouro__area *area) {
  struct stat status;
  if (fstat(area->fd, &status) != 0 || status.st_size < OURO_AREA_PAGE_BYTES) return false;
  uint64_t room = (uint64_t)(status.st_size - OURO_AREA_PAGE_BYTES) / OURO_AREA_CHUNK_BYTES;
  if (room > CHUNKS_MOST) room = CHUNKS_MOST;
  uint32_t chunks = area->page.chunks < room ? area->page.chunks : (uint32_t)room;
  for (; area->chunks_seen < chunks; area->chunks_seen++) {
    ouro__area_chunk head;
    if (pread(area->fd, &head, sizeof head, chunk_offset(area->chunks_seen)) != (ssize_t)sizeof head) return false;
    if (!enter_chunk(area, area->chunks_seen, &head, chunks)) return false;
  }
  return true;
}

/* How many of the table's entries have a chunk. */
static uint64_t readable(const ouro__area *area, int table) {
  size_t chunks = 0;
  while (chunks < area->chunk_count[table] && area->chunks[table][chunks]) chunks++;
  return (uint64_t)chunks * entries_of_chunk(table);
}

static bool look_at_counts(ouro__area *area) {
  static const int order[] = {OURO_AREA_PINS,   OURO_AREA_SITES,   OURO_AREA_THREADS, OURO_AREA_NODES,
                              OURO_AREA_FRAMES, OURO_AREA_MODULES, OURO_AREA_STRINGS};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    size_t at = offsetof(ouro__area_page, counts) + (size_t)order[i] * sizeof(uint64_t);
    if (pread(area->fd, (char *)&area->page + at, sizeof(uint64_t), (off_t)at) != (ssize_t)sizeof(uint64_t))
      return false;
  }
  return true;
}

bool ouro__area_look(ouro__area *area) {
  ssize_t length = pread(area->fd, &area->page, sizeof area->page, 0);
  if (length != (ssize_t)sizeof area->page || !known(&area->page) || !look_at_counts(area)) return false;
  uint32_t chunks;
  if (pread(area->fd, &chunks, sizeof chunks, offsetof(ouro__area_page, chunks)) != (ssize_t)sizeof chunks)
    return false;
  area->page.chunks = chunks;
  if (!look_at_chunks(area)) return false;
  for (int table = 0; table < OURO_AREA_TABLES; table++) {
    uint64_t most = readable(area, table);
    if (area->page.counts[table] > most) area->page.counts[table] = most;
  }
  return true;
}

bool ouro__area_open(ouro__area *area, int fd) {
  *area = (ouro__area){.fd = fd};
  if (ouro__area_look(area)) return true;
  ouro__area_close(area);
  return false;
}

void ouro__area_close(ouro__area *area) {
  if (area->fd >= 0) close(area->fd);
  for (int table = 0; table < OURO_AREA_TABLES; table++) free(area->chunks[table]);
  memset(area, 0, sizeof *area);
  area->fd = -1;
}

/* ---------------------------------------------------------------- entries */

static bool read_whole(int fd, void *out, size_t size, off_t at) {
  for (char *to = out; size > 0;) {
    ssize_t got = pread(fd, to, size, at);
    if (got <= 0) return false;
    to += got;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

size_t ouro__area_read(const ouro__area *area, enum ouro__area_table table, size_t first, size_t count, void *out) {
  size_t size = entry_bytes[table], per_chunk = entries_of_chunk(table), done = 0;
  uint64_t there = area->page.counts[table];
  if (first >= there) return 0;
  if (count > there - first) count = there - first;
  while (done < count) {
    size_t chunk = (first + done) / per_chunk, within = (first + done) % per_chunk;
    size_t part = per_chunk - within < count - done ? per_chunk - within : count - done;
    off_t at = chunk_offset(area->chunks[table][chunk] - 1) + OURO_AREA_CHUNK_HEAD + (off_t)(within * size);
    if (!read_whole(area->fd, (char *)out + done * size, part * size, at)) break;
    done += part;
  }
  return done;
}

/* All entries of a table, allocated; NULL: no memory. */
static void *read_table(const ouro__area *area, enum ouro__area_table table, size_t *count) {
  size_t wanted = area->page.counts[table];
  void *entries = calloc(wanted + 1, entry_bytes[table]);
  *count = entries ? ouro__area_read(area, table, 0, wanted, entries) : 0;
  return entries;
}

ouro__area_pin *ouro__area_pins(ouro__area *area, size_t *count, uint64_t *ns) {
  struct timespec pause = {0, PIN_WAIT_NS};
  *count = 0;
  for (int attempt = 0; attempt < PIN_TRIES; attempt++) {
    if (!ouro__area_look(area) || !area->page.pins_ns) return NULL;
    uint32_t writes = area->page.pins_writes;
    ouro__area_pin *pins = writes % 2 == 0 ? read_table(area, OURO_AREA_PINS, count) : NULL;
    *ns = area->page.pins_ns;
    if (pins && ouro__area_look(area) && area->page.pins_writes == writes) return pins;
    free(pins);
    *count = 0;
    nanosleep(&pause, NULL);
  }
  return NULL;
}

/* ---------------------------------------------------------------- all of it */

static uint64_t since(uint64_t start, uint64_t ns) { return ns > start ? ns - start : 0; }

bool ouro__area_peak_is_now(const ouro__area *area) { return area->page.live_bytes > area->page.peak_bytes; }

void ouro__area_settle_peaks(const ouro__area *area, ouro__site *sites, size_t count) {
  bool now = ouro__area_peak_is_now(area);
  for (size_t i = 0; i < count; i++) {
    ouro__site *site = &sites[i];
    if (!now && site->peak_mark == area->page.peak_mark) continue;
    site->counts[OURO_COUNT_PEAK] = site->counts[OURO_COUNT_LIVE];
    site->counts[OURO_COUNT_PEAK_BYTES] = site->counts[OURO_COUNT_LIVE_BYTES];
    site->peak_mark = area->page.peak_mark;
  }
}

void ouro__area_facts(const ouro__area *area, uint64_t now_ns, bool ended, uint64_t facts[OURO_FACTS]) {
  const ouro__area_page *page = &area->page;
  uint64_t start = page->started_ns;
  bool peak_is_now = ouro__area_peak_is_now(area);
  uint64_t values[OURO_FACTS] = {
      [OURO_FACT_PID] = (uint64_t)page->pid,
      [OURO_FACT_PARENT] = (uint64_t)page->parent,
      [OURO_FACT_STATE] = page->state,
      [OURO_FACT_MODE] = page->mode,
      [OURO_FACT_FRAMES] = page->frames,
      [OURO_FACT_NATIVE] = page->native,
      [OURO_FACT_SAMPLE_BYTES] = page->sample_bytes,
      [OURO_FACT_BROKEN] = page->broken,
      [OURO_FACT_LIVE] = page->live,
      [OURO_FACT_LIVE_BYTES] = page->live_bytes,
      [OURO_FACT_PEAK] = peak_is_now ? page->live : page->peak,
      [OURO_FACT_PEAK_BYTES] = peak_is_now ? page->live_bytes : page->peak_bytes,
      [OURO_FACT_ALLOCS] = page->allocs,
      [OURO_FACT_BYTES] = page->bytes,
      [OURO_FACT_LOST] = page->lost,
      [OURO_FACT_START_REALTIME_NS] = page->start_realtime_ns,
      [OURO_FACT_SECONDS_NS] = start ? since(start, now_ns) : 0,
      [OURO_FACT_PEAK_NS] = since(start, peak_is_now ? now_ns : page->peak_ns),
      [OURO_FACT_END_NS] = since(start, page->end_ns),
      [OURO_FACT_PINS_NS] = since(start, page->pins_ns),
      [OURO_FACT_ENDED] = ended || page->state == OURO_AREA_EXITED,
  };
  memcpy(facts, values, sizeof values);
}

bool ouro__area_tables(ouro__area *area, uint64_t now_ns, bool ended, ouro__tables *tables) {
  uint64_t pins_ns = 0;
  *tables = (ouro__tables){.strings = NULL};
  tables->pins = ouro__area_pins(area, &tables->pin_count, &pins_ns);
  ouro__area_look(area);
  ouro__area_facts(area, now_ns, ended, tables->facts);
  if (!tables->pins) tables->facts[OURO_FACT_PINS_NS] = 0;
  memcpy(tables->python, area->page.python, sizeof tables->python);
  memcpy(tables->command, area->page.command, sizeof tables->command);
  tables->sites = read_table(area, OURO_AREA_SITES, &tables->site_count);
  tables->threads = read_table(area, OURO_AREA_THREADS, &tables->thread_count);
  tables->nodes = read_table(area, OURO_AREA_NODES, &tables->node_count);
  tables->frames = read_table(area, OURO_AREA_FRAMES, &tables->frame_count);
  tables->modules = read_table(area, OURO_AREA_MODULES, &tables->module_count);
  tables->strings = read_table(area, OURO_AREA_STRINGS, &tables->string_bytes);
  if (tables->sites && tables->threads && tables->nodes && tables->frames && tables->modules && tables->strings) {
    ouro__area_settle_peaks(area, tables->sites, tables->site_count);
    return true;
  }
  ouro__tables_free(tables);
  return false;
}

/* Is it PID.trace or PID-N.trace? */
static bool is_name_of(const char *name, pid_t pid, unsigned long *program) {
  char *end;
  if (*name < '0' || *name > '9') return false;
  long number = strtol(name, &end, 10);
  if (pid != 0 && number != pid) return false;
  *program = *end == '-' ? strtoul(end + 1, &end, 10) : 0;
  return strcmp(end, ".trace") == 0;
}

/* Does the process trace into this file, or did until it ended? Any other name is that of a copy. */
static bool is_in_place(const ouro__area *area, const char *path) {
  unsigned long program;
  const char *slash = strrchr(path, '/');
  return area->page.pid > 0 && is_name_of(slash ? slash + 1 : path, area->page.pid, &program);
}

static bool is_running(const ouro__area *area, const char *path) {
  return is_in_place(area, path) && area->page.state == OURO_AREA_RUNNING &&
         (kill(area->page.pid, 0) == 0 || errno == EPERM);
}

/* When the process ended, or else when the file was last written, on the clock of the page. */
static uint64_t written_ns(const ouro__area *area) {
  struct stat status;
  const ouro__area_page *page = &area->page;
  uint64_t last = page->end_ns > page->peak_ns ? page->end_ns : page->peak_ns;
  if (page->pins_ns > last) last = page->pins_ns;
  if (page->end_ns || fstat(area->fd, &status) != 0) return last;
  uint64_t written = (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
  uint64_t by_file = page->started_ns + since(page->start_realtime_ns, written);
  return by_file > last ? by_file : last;
}

ouro__profile *ouro__area_profile(int fd, const char *path) {
  ouro__area area;
  ouro__tables tables;
  if (!ouro__area_open(&area, fd)) {
    ouro__say("%s is damaged, or was written by another version of ouro", path);
    return NULL;
  }
  bool running = is_running(&area, path);
  ouro__profile *profile = NULL;
  if (ouro__area_tables(&area, running ? ouro__now_ns() : written_ns(&area), !running, &tables)) {
    profile = ouro__tables_profile(&tables, path);
    ouro__tables_free(&tables);
  }
  if (profile) {
    profile->copy = area.page.state == OURO_AREA_RUNNING && !is_in_place(&area, path);
    profile->heap_json = ouro__area_heap(path);
  } else {
    ouro__say("out of memory");
  }
  ouro__area_close(&area);
  return profile;
}

char *ouro__area_heap(const char *path) {
  char page[PATH_MAX];
  size_t length = strlen(path);
  const char *dot = length > 6 ? path + length - 6 : "", *name = strrchr(path, '/');
  if (strcmp(dot, ".trace") != 0 || length >= sizeof page) return NULL;
  /* PID.stat is of the program that the process runs now, so of PID-1.trace as well. */
  size_t kept = (size_t)(name ? name + 1 - path : 0);
  kept += strspn(path + kept, "0123456789");
  snprintf(page, sizeof page, "%.*s.stat", (int)kept, path);
  int fd = ouro__run_file_open(page, O_RDONLY);
  if (fd < 0) return NULL;
  ouro__snapshot snapshot = ouro__page_snapshot(fd);
  close(fd);
  if (!snapshot.text) return NULL;
  char *json = strndup(snapshot.text, snapshot.length);
  free(snapshot.text);
  return json;
}

/* ---------------------------------------------------------------- finding one */

typedef struct finding {
  pid_t pid; /* 0: any that runs */
  bool found;
  uint64_t started_ns;   /* of the newest so far, like the next two */
  unsigned long program; /* how many programs its process had executed before */
  char *path;
} finding;

/* What a process executed last is what it runs, also where tracing has not begun. */
static bool is_newer(const finding *so_far, const ouro__area *area, const char *folder, unsigned long program) {
  size_t length = strlen(folder);
  if (!so_far->found) return true;
  if (so_far->pid != 0 && strncmp(so_far->path, folder, length) == 0 && so_far->path[length] == '/') {
    return program > so_far->program;
  }
  return area->page.started_ns > so_far->started_ns;
}

static void consider(finding *so_far, const char *folder, const char *name) {
  ouro__area area;
  unsigned long program;
  char path[PATH_MAX];
  if (!is_name_of(name, so_far->pid, &program)) return;
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return;
  int fd = ouro__run_file_open(path, O_RDONLY);
  if (fd < 0 || !ouro__area_open(&area, fd)) return;
  bool wanted = so_far->pid != 0 || is_running(&area, name);
  if (wanted && is_newer(so_far, &area, folder, program)) {
    so_far->found = true;
    so_far->started_ns = area.page.started_ns;
    so_far->program = program;
    strcpy(so_far->path, path);
  }
  ouro__area_close(&area);
}

static void search_run(finding *so_far, const char *folder) {
  struct stat status;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  bool own = fstat(fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
  DIR *directory = own ? fdopendir(fd) : NULL;
  if (!directory) {
    close(fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(directory));) consider(so_far, folder, entry->d_name);
  closedir(directory);
}

static void search_place(finding *so_far, const char *place) {
  char folder[PATH_MAX];
  DIR *directory = opendir(place);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strncmp(entry->d_name, "ouro-run-", 9) != 0) continue;
    if (snprintf(folder, sizeof folder, "%s/%s", place, entry->d_name) < (int)sizeof folder) search_run(so_far, folder);
  }
  closedir(directory);
}

bool ouro__area_find(pid_t pid, char path[PATH_MAX]) {
  finding so_far = {.pid = pid, .path = path};
  const char *place = getenv("TMPDIR");
  if (place && *place == '/') search_place(&so_far, place);
  if (!so_far.found) search_place(&so_far, "/tmp");
  return so_far.found;
}
