/* cli/report/leaks.c - `ouro leaks`: what was live when the program ended, and what only grew while it ran (growth.h). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/growth.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_LEAKS,
    .least = 1,
    .most = 1,
    .help = "usage: ouro leaks [options] FILE|PID\n"
            "\n"
            "Say what was still live when the program, or its interpreter, began to end, and which lines only grew "
            "from one\n"
            "snapshot to the next.\n",
};

/* The two questions have each a query, since each sorts its rows for itself. */
typedef struct leaks {
  const ouro__ask *ask;
  const ouro__profile *profile;
  ouro__query end, grew;
  ouro__growth growth;
} leaks;

/* ---------------------------------------------------------------- text */

static const char *end_title(const ouro__profile *profile) {
  return profile->end_seconds >= 0 ? "live at the end" : ouro__show_live(profile);
}

static const char *when_word(const ouro__profile *profile) {
  if (profile->end_seconds >= 0) return "end";
  return !profile->ended ? "now" : profile->copy ? "written" : "killed";
}

static void stack_of(const leaks *all, const ouro__query *query, const ouro__row *row, size_t number, FILE *out) {
  if (number < all->ask->stacks || all->ask->wish.by == OURO_BY_STACK)
    ouro__show_stack(&query->stacks, row->stack, out);
}

static void end_text(const leaks *all, FILE *out) {
  ouro__show_words bytes, share, count;
  char title[160], name[OURO_SHOW_NAME];
  const ouro__query *query = &all->end;
  snprintf(title, sizeof title, "%s, by %s: %s in %s blocks", end_title(all->profile),
           ouro__by_words[all->ask->wish.by], ouro__show_bytes(&bytes, query->passed[1].bytes),
           ouro__show_count(&count, query->passed[1].count));
  ouro__show_rule(title, out);
  fprintf(out, " %10s %7s %12s  %s\n", "bytes", "share", "blocks", ouro__show_key_title(&all->ask->wish));
  for (size_t i = 0; i < query->row_count && i < all->ask->limit; i++) {
    const ouro__row *row = &query->rows[i];
    fprintf(out, " %10s %7s %12s  ", ouro__show_bytes(&bytes, row->side[1].bytes),
            ouro__show_share(&share, (double)row->side[1].bytes, (double)query->all[1].bytes),
            ouro__show_count(&count, row->side[1].count));
    ouro__show_fit(ouro__show_key(query, row, name, true), OURO_SHOW_WIDTH - 34, out);
    stack_of(all, query, row, i, out);
  }
  if (query->row_count == 0) fputs(" nothing\n", out);
}

static void grew_line(const leaks *all, const ouro__growth_row *grown, FILE *out) {
  ouro__show_words growth, rate, now, count;
  char name[OURO_SHOW_NAME], times[48];
  snprintf(times, sizeof times, "%" PRIu32 "/%zu", grown->times, all->growth.intervals);
  fprintf(out, " %10s %10s %10s %12s %9s  ", ouro__show_growth(&growth, grown->last.bytes - grown->first.bytes),
          ouro__show_bytes(&rate, (int64_t)ouro__growth_per_minute(&all->growth, grown)),
          ouro__show_bytes(&now, grown->last.bytes),
          ouro__show_count_growth(&count, grown->last.count - grown->first.count), times);
  ouro__show_fit(ouro__show_key(&all->grew, &all->grew.rows[grown->row], name, true), OURO_SHOW_WIDTH - 58, out);
}

static void grew_text(const leaks *all, FILE *out) {
  char title[160];
  ouro__words time;
  if (all->growth.intervals < OURO_GROWTH_LEAST) {
    ouro__show_rule("what only grew", out);
    fprintf(out, " it takes %d snapshots after the start to tell; there are %zu\n", OURO_GROWTH_LEAST + 1,
            all->growth.intervals ? all->growth.intervals + 1 : 0);
    return;
  }
  snprintf(title, sizeof title, "what only grew, by %s, in %s", ouro__by_words[all->ask->wish.by],
           ouro__words_seconds(&time, all->growth.seconds));
  ouro__show_rule(title, out);
  if (all->growth.row_count == 0) {
    fputs(" nothing\n", out);
    return;
  }
  fprintf(out, " %10s %10s %10s %12s %9s  %s\n", "growth", "a minute", "now", "blocks", "grew",
          ouro__show_key_title(&all->ask->wish));
  for (size_t i = 0; i < all->growth.row_count && i < all->ask->limit; i++) {
    grew_line(all, &all->growth.rows[i], out);
    stack_of(all, &all->grew, &all->grew.rows[all->growth.rows[i].row], i, out);
  }
}

static void text_leaks(const leaks *all, FILE *out) {
  end_text(all, out);
  fputc('\n', out);
  grew_text(all, out);
}

/* ---------------------------------------------------------------- JSON and CSV */

static void end_json(ouro__json_out *json, const leaks *all) {
  ouro__json_open(json, "live", '[');
  for (size_t i = 0; i < all->end.row_count && i < all->ask->limit; i++) {
    const ouro__row *row = &all->end.rows[i];
    ouro__json_open(json, NULL, '{');
    ouro__json_int(json, "bytes", row->side[1].bytes);
    ouro__json_int(json, "blocks", row->side[1].count);
    ouro__show_key_json(json, &all->end, row, i < all->ask->stacks);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
}

static void grew_json(ouro__json_out *json, const leaks *all) {
  ouro__json_open(json, "grew", '[');
  for (size_t i = 0; i < all->growth.row_count && i < all->ask->limit; i++) {
    const ouro__growth_row *grown = &all->growth.rows[i];
    ouro__json_open(json, NULL, '{');
    ouro__json_int(json, "bytes_growth", grown->last.bytes - grown->first.bytes);
    ouro__json_int(json, "blocks_growth", grown->last.count - grown->first.count);
    ouro__json_real(json, "bytes_per_minute", ouro__growth_per_minute(&all->growth, grown));
    ouro__json_int(json, "bytes", grown->last.bytes);
    ouro__json_int(json, "blocks", grown->last.count);
    ouro__json_int(json, "times", grown->times);
    ouro__show_key_json(json, &all->grew, &all->grew.rows[grown->row], i < all->ask->stacks);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
}

static void json_leaks(const leaks *all, FILE *out) {
  ouro__json_out json = {.out = out};
  ouro__json_open(&json, NULL, '{');
  ouro__json_int(&json, "format", 1);
  ouro__json_string(&json, "by", ouro__by_words[all->ask->wish.by]);
  ouro__json_string(&json, "when", when_word(all->profile));
  ouro__show_tally_json(&json, "passed", all->end.passed[1]);
  ouro__json_int(&json, "intervals", (int64_t)all->growth.intervals);
  ouro__json_real(&json, "seconds", all->growth.seconds);
  end_json(&json, all);
  grew_json(&json, all);
  ouro__json_close(&json, '}');
  fputc('\n', out);
}

static void csv_leaks(const leaks *all, FILE *out) {
  fputs("what,bytes,blocks,bytes_growth,blocks_growth,bytes_per_minute," OURO_SHOW_KEY_CSV "\r\n", out);
  for (size_t i = 0; i < all->end.row_count && i < all->ask->limit; i++) {
    const ouro__row *row = &all->end.rows[i];
    fprintf(out, "live,%" PRId64 ",%" PRId64 ",,,,", row->side[1].bytes, row->side[1].count);
    ouro__show_key_csv(&all->end, row, out);
    fputs("\r\n", out);
  }
  for (size_t i = 0; i < all->growth.row_count && i < all->ask->limit; i++) {
    const ouro__growth_row *grown = &all->growth.rows[i];
    fprintf(out, "grew,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%.0f,", grown->last.bytes, grown->last.count,
            grown->last.bytes - grown->first.bytes, grown->last.count - grown->first.count,
            ouro__growth_per_minute(&all->growth, grown));
    ouro__show_key_csv(&all->grew, &all->grew.rows[grown->row], out);
    fputs("\r\n", out);
  }
}

/* ---------------------------------------------------------------- the command */

int ouro__cmd_leaks(int argc, char **argv) {
  ouro__ask ask;
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  leaks all = {.ask = &ask, .profile = ask.sources[0].profile};
  ask.wish.measure = OURO_MEASURE_END;
  ouro__query_init(&all.end, &ask.wish);
  ouro__query_init(&all.grew, &ask.wish);
  ouro__query_add(&all.end, &ask.sources[0], 1);
  ouro__query_sort(&all.end, false);
  ouro__growth_find(&all.growth, &all.grew, all.profile);
  void (*const writers[])(const leaks *, FILE *) = {text_leaks, json_leaks, csv_leaks};
  writers[ask.format](&all, stdout);
  ouro__growth_free(&all.growth);
  ouro__query_free(&all.end);
  ouro__query_free(&all.grew);
  ouro__ask_free(&ask);
  return ouro__show_end();
}
