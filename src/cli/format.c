/* cli/format.c - numbers for people, and the sentences about Python. 1 kB is 1,000 bytes, as everywhere in the reports. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

const char *ouro__words_bytes(ouro__words *words, uint64_t bytes) {
  static const char *const units[] = {"kB", "MB", "GB", "TB"};
  double value = (double)bytes / 1000;
  size_t unit = 0;
  /* 999.95 would be printed as 1000.0. */
  while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
    value /= 1000;
    unit++;
  }
  if (bytes < 1000)
    snprintf(words->text, sizeof words->text, "%" PRIu64 " B", bytes);
  else
    snprintf(words->text, sizeof words->text, "%.1f %s", value, units[unit]);
  return words->text;
}

const char *ouro__words_seconds(ouro__words *words, double seconds) {
  uint64_t whole = (uint64_t)(seconds + 0.5);
  if (seconds < 10)
    snprintf(words->text, sizeof words->text, "%.2f s", seconds);
  else if (seconds < 120)
    snprintf(words->text, sizeof words->text, "%.1f s", seconds);
  else if (whole < 7200)
    snprintf(words->text, sizeof words->text, "%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
  else
    snprintf(words->text, sizeof words->text, "%" PRIu64 " h %02" PRIu64 " min", whole / 3600, whole % 3600 / 60);
  return words->text;
}

/* Pauses of a collector: from microseconds to seconds. */
const char *ouro__words_pause(ouro__words *words, uint64_t ns) {
  double ms = (double)ns / 1e6;
  if (ms >= 9999.5) return ouro__words_seconds(words, ms / 1000);
  snprintf(words->text, sizeof words->text, "%.*f ms", ms < 1 ? 3 : ms < 100 ? 1 : 0, ms);
  return words->text;
}

const char *ouro__words_count(ouro__words *words, uint64_t count) {
  char digits[24];
  size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count), to = 0;
  for (size_t i = 0; i < length; i++) {
    if (i > 0 && (length - i) % 3 == 0) words->text[to++] = ',';
    words->text[to++] = digits[i];
  }
  words->text[to] = 0;
  return words->text;
}

/* ---------------------------------------------------------------- Python */

static const char *own_sentence(uint32_t cause) {
  switch (cause) {
  case OURO_PYTHON_CAUSE_ASKED:
    return "small objects on its own allocator, as PYTHONMALLOC asks";
  case OURO_PYTHON_CAUSE_DEV_MODE:
    return "small objects on its own allocator: development mode with -E or -I";
  case OURO_PYTHON_CAUSE_LATE:
    return "libpython was loaded late; small objects on its own allocator";
  default:
    return "small objects on its own allocator: something chose it after the start";
  }
}

static const char *debug_sentence(uint32_t cause) {
  switch (cause) {
  case OURO_PYTHON_CAUSE_DEBUG:
    return "on ouro's heap, with debug hooks (PYTHONMALLOC=debug became malloc_debug)";
  case OURO_PYTHON_CAUSE_DEV_MODE:
    return "on ouro's heap, with the debug hooks of development mode";
  default:
    return "on ouro's heap, with Python's debug hooks";
  }
}

const char *ouro__python_sentence(const ouro__python_info *python) {
  switch ((enum ouro__python_memory)python->memory) {
  case OURO_PYTHON_TOO_OLD:
    return "small objects on its own allocator: ouro takes over from 3.8 on";
  case OURO_PYTHON_FREE_THREADED:
    return "objects on its own allocator: a free-threaded build needs that";
  case OURO_PYTHON_STARTED:
    return "small objects on its own allocator: it was running before the heap was";
  case OURO_PYTHON_OWN:
    return own_sentence(python->cause);
  case OURO_PYTHON_DIRECT:
    return "all its memory is on ouro's heap";
  case OURO_PYTHON_MALLOC:
    return "all its memory is on ouro's heap, through malloc";
  case OURO_PYTHON_MALLOC_DEBUG:
    return debug_sentence(python->cause);
  case OURO_PYTHON_WRAPPED:
    return "on ouro's heap, behind the hooks of a tracer";
  case OURO_PYTHON_NONE:
  case OURO_PYTHON_ELSEWHERE:
    break;
  }
  return "";
}

const char *ouro__python_word(uint32_t memory) {
  static const char *const words[] = {
      [OURO_PYTHON_NONE] = "none",
      [OURO_PYTHON_TOO_OLD] = "too old",
      [OURO_PYTHON_FREE_THREADED] = "free-threaded",
      [OURO_PYTHON_STARTED] = "started before",
      [OURO_PYTHON_OWN] = "own",
      [OURO_PYTHON_ELSEWHERE] = "none",
      [OURO_PYTHON_DIRECT] = "direct",
      [OURO_PYTHON_MALLOC] = "malloc",
      [OURO_PYTHON_MALLOC_DEBUG] = "malloc_debug",
      [OURO_PYTHON_WRAPPED] = "wrapped",
  };
  return memory < sizeof words / sizeof words[0] ? words[memory] : "none";
}
