/* cli/profile/area.h - reading the area of a process (trace/area.h) from outside, while it runs or when it is gone.
 *
 * The file is read, never mapped: a mapping of a file that somebody cuts would end ouro. What it says is checked: a table has as
 * many entries as its count says and as there are chunks for. */
#ifndef OURO_CLI_PROFILE_AREA_H
#define OURO_CLI_PROFILE_AREA_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/profile/tables.h"

typedef struct ouro__area {
  int fd;                              /* owned */
  ouro__area_page page;                /* as of the last look; its counts are of entries that can be read */
  uint32_t *chunks[OURO_AREA_TABLES];  /* where in the file each chunk of the table is: its number + 1; 0: unknown */
  size_t chunk_count[OURO_AREA_TABLES];
  uint32_t chunks_seen;
} ouro__area;

/* Take over `fd` and look at it. false: it is no area that this command knows, and `fd` is closed. */
bool ouro__area_open(ouro__area *area, int fd);
void ouro__area_close(ouro__area *area);

/* Bring the page, and what is known of chunks, up to date. false: no memory, or the file is no area any more. */
bool ouro__area_look(ouro__area *area);

/* Copy `count` entries from number `first` on, each cut to `entry_bytes`, which is the size of what the table's struct is here.
 * Returns how many there were. */
size_t ouro__area_read(const ouro__area *area, enum ouro__area_table table, size_t first, size_t count, void *out);

/* PINS as they were last written completely, allocated; NULL with *count 0: none, no memory, or they are being written all the
 * time. `*ns` is when they were written. */
ouro__area_pin *ouro__area_pins(ouro__area *area, size_t *count, uint64_t *ns);

/* Is the peak now? The process notes one when it is over, which in sampling mode may be long after. */
bool ouro__area_peak_is_now(const ouro__area *area);

/* A site whose mark is not the page's had at the peak what it has now, and all have where the peak is now. Afterwards their peaks
 * hold whatever the mark. */
void ouro__area_settle_peaks(const ouro__area *area, ouro__site *sites, size_t count);

/* The facts of the page. `now_ns` is of CLOCK_MONOTONIC: when the page was read, or when the process was last seen. */
void ouro__area_facts(const ouro__area *area, uint64_t now_ns, bool ended, uint64_t facts[OURO_FACTS]);

/* Read all of it. false: no memory; what is in `tables` is freed. */
bool ouro__area_tables(ouro__area *area, uint64_t now_ns, bool ended, ouro__tables *tables);

/* Find the newest area of the process, or with 0 of any that still runs, in the run directories of this user: "DIR/PID.trace".
 * false: there is none. */
bool ouro__area_find(pid_t pid, char path[PATH_MAX]);

/* A profile of the area file `path`; `fd` is taken over. NULL: the user was told why. */
ouro__profile *ouro__area_profile(int fd, const char *path);

/* What the process wrote of its heap beside its area: the newest JSON of PATH with .stat for .trace; NULL: none. The caller
 * frees it. */
char *ouro__area_heap(const char *path);

#endif
