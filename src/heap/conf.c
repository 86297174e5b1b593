/* heap/conf.c - options: a string of `key:value` or `key`, separated by commas; what is not known is ignored, so that a newer
 * option does no harm to an older library. */
#include "heap/conf.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/check.h"
#include "heap/heap.h"

ouro__conf_values ouro__conf = {.decay_ms = 500, .background = true};

static _Atomic bool read_already;

const char *ouro__conf_find(const char *key, size_t *length) {
  const char *conf = ouro__os_env("OURO_CONF");
  size_t key_length = strlen(key);
  while (conf && *conf) {
    size_t item = strcspn(conf, ",");
    if (item >= key_length && memcmp(conf, key, key_length) == 0 && (item == key_length || conf[key_length] == ':')) {
      size_t skip = item == key_length ? key_length : key_length + 1;
      *length = item - skip;
      return conf + skip;
    }
    conf += item + (conf[item] == ',');
  }
  return NULL;
}

/* Digits, then k, m, g or t for powers of 1,024. Anything else: false. */
static bool parse_bytes(const char *text, size_t length, size_t *out) {
  static const char suffixes[] = "kmgt";
  size_t value = 0, at = 0;
  for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
    if (value > (SIZE_MAX - 9) / 10) return false;
    value = value * 10 + (size_t)(text[at] - '0');
  }
  if (at == 0) return false;
  if (at < length) {
    const char *suffix = strchr(suffixes, text[at] | 0x20);
    if (!suffix || !*suffix || at + 1 != length) return false;
    unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);
    if (value > SIZE_MAX >> shift) return false;
    value <<= shift;
  }
  *out = value;
  return true;
}

static void parse_flag(const char *key, _Atomic bool *out) {
  size_t length;
  const char *value = ouro__conf_find(key, &length);
  if (!value) return;
  ouro__store_relaxed(out, !(length == 2 && memcmp(value, "no", 2) == 0));
}

void ouro__conf_start(void) {
  size_t length, bytes;
  if (ouro__load_relaxed(&read_already)) return;
  const char *limit = ouro__conf_find("limit", &length);
  if (limit && parse_bytes(limit, length, &bytes)) ouro__store_relaxed(&ouro__the_account.limit, bytes);
  const char *decay = ouro__conf_find("decay", &length);
  if (decay && parse_bytes(decay, length, &bytes) && bytes <= 3600000) {
    ouro__store_relaxed(&ouro__conf.decay_ms, (unsigned)bytes);
  }
  parse_flag("background", &ouro__conf.background);
  parse_flag("huge_pages", &ouro__conf.huge_pages);
  _Atomic bool check = false;
  parse_flag("check", &check);
  if (check) ouro__check_start();
  ouro__store_relaxed(&read_already, ouro__os_env_known());
}

int ouro_options_get(ouro_options *options) {
  if (!options || options->struct_size != sizeof *options) return OURO_EINVAL;
  ouro__conf_start();
  options->limit_bytes = ouro__load_relaxed(&ouro__the_account.limit);
  options->decay_ms = ouro__load_relaxed(&ouro__conf.decay_ms);
  options->check = ouro__load_relaxed(&ouro__conf.check);
  options->background = ouro__load_relaxed(&ouro__conf.background);
  options->huge_pages = ouro__load_relaxed(&ouro__conf.huge_pages);
  return OURO_OK;
}

int ouro_options_set(const ouro_options *options) {
  if (!options || options->struct_size != sizeof *options) return OURO_EINVAL;
  ouro__conf_start();
  if (options->check != ouro__load_relaxed(&ouro__conf.check)) {
    if (ouro__load_relaxed(&ouro__the_account.taken) > 0) return OURO_EBUSY;
    if (options->check) ouro__check_start();
    ouro__store_relaxed(&ouro__conf.check, options->check);
  }
  ouro__store_relaxed(&ouro__the_account.limit, options->limit_bytes);
  ouro__store_relaxed(&ouro__conf.decay_ms, options->decay_ms);
  ouro__store_relaxed(&ouro__conf.background, options->background);
  ouro__store_relaxed(&ouro__conf.huge_pages, options->huge_pages);
  return OURO_OK;
}
