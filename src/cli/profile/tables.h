/* cli/profile/tables.h - what the tracer counted, as it stands in an area and in a recording: the step before a profile.
 *
 * area.c and reader.c fill TABLES; ouro__tables_profile makes a profile of them. Nothing in tables is trusted: an index may be
 * out of range, a string may be none. What is wrong is checked in one place, where the profile is made. */
#ifndef OURO_CLI_PROFILE_TABLES_H
#define OURO_CLI_PROFILE_TABLES_H

#include "cli/profile/profile.h"

/* What the page of an area says, apart from wishes. These numbers are stored in recordings: append only. */
enum ouro__fact {
  OURO_FACT_PID = 0,
  OURO_FACT_PARENT,
  OURO_FACT_STATE,
  OURO_FACT_MODE,
  OURO_FACT_FRAMES,
  OURO_FACT_NATIVE,
  OURO_FACT_SAMPLE_BYTES,
  OURO_FACT_BROKEN,
  OURO_FACT_LIVE,
  OURO_FACT_LIVE_BYTES,
  OURO_FACT_PEAK,
  OURO_FACT_PEAK_BYTES,
  OURO_FACT_ALLOCS,
  OURO_FACT_BYTES,
  OURO_FACT_LOST,
  OURO_FACT_START_REALTIME_NS,
  OURO_FACT_SECONDS_NS, /* since tracing began, like the three that follow: when all this was read */
  OURO_FACT_PEAK_NS,
  OURO_FACT_END_NS,  /* 0: not yet */
  OURO_FACT_PINS_NS, /* 0: never */
  OURO_FACT_ENDED,   /* the process is no more */
  OURO_FACTS
};

/* The counters of ouro__area_site, in its order. */
enum ouro__counter {
  OURO_COUNT_ALLOCS = 0,
  OURO_COUNT_BYTES,
  OURO_COUNT_LIVE,
  OURO_COUNT_LIVE_BYTES,
  OURO_COUNT_TEMPORARY,
  OURO_COUNT_TEMPORARY_BYTES,
  OURO_COUNT_PEAK,
  OURO_COUNT_PEAK_BYTES,
  OURO_COUNT_END,
  OURO_COUNT_END_BYTES,
  OURO_COUNT_SAMPLES,
  OURO_COUNT_VARIANCE,      /* the bits of a double, as the next */
  OURO_COUNT_LIVE_VARIANCE,
  OURO_COUNTERS
};

/* ouro__area_site with plain counters, of which the peaks hold whatever the mark. */
typedef struct ouro__site {
  uint32_t node;
  uint16_t thread;
  uint8_t class_, domain;
  uint32_t type, peak_mark;
  uint64_t counts[OURO_COUNTERS];
  uint64_t reserved;
} ouro__site;

_Static_assert(sizeof(ouro__site) == sizeof(ouro__area_site), "a site is copied as it is");
_Static_assert(offsetof(ouro__site, counts) == offsetof(ouro__area_site, allocs), "the counters begin at one place");

typedef struct ouro__tables {
  uint64_t facts[OURO_FACTS];
  char python[32], command[1024];
  char *strings;               size_t string_bytes;
  ouro__area_frame *frames;    size_t frame_count;
  ouro__area_node *nodes;      size_t node_count;
  ouro__site *sites;           size_t site_count;
  ouro__area_module *modules;  size_t module_count;
  ouro__area_thread *threads;  size_t thread_count;
  ouro__area_pin *pins;        size_t pin_count;
} ouro__tables;

void ouro__tables_free(ouro__tables *tables);

/* A profile of the tables; `source` names what they came from. NULL: no memory. */
ouro__profile *ouro__tables_profile(const ouro__tables *tables, const char *source);

/* An empty profile; NULL: no memory. */
ouro__profile *ouro__profile_new(const char *source);

/* In sampling mode, counts stand for 1/256 block. */
bool ouro__tables_sampled(const ouro__tables *tables);
ouro__tally ouro__tally_of(uint64_t count, uint64_t bytes, bool sampled);

#endif
