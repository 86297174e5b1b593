/* fuzz/recording.c - any bytes as a recording: the reader may refuse them, or read as far as they make sense, and nothing else.
 *
 * The checks of chunks are put right first, or nearly every change would end there. A chunk that is not compressed gets the size
 * that it has, so that what is inside of chunks is reached. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/profile/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reader speaks to its user; here is none. */
void ouro__say(const char *format, ...) { (void)format; }
uint64_t ouro__now_ns(void) { return 0; }

static void put_right(uint8_t *data, size_t size) {
  ouro__chunk chunk;
  for (size_t at = sizeof(ouro__recording_head); size > at && size - at >= sizeof chunk;) {
    memcpy(&chunk, data + at, sizeof chunk);
    size_t room = size - at - sizeof chunk;
    chunk.mark = OURO_CHUNK_MARK;
    if (chunk.stored > room) chunk.stored = (uint32_t)room;
    if (chunk.codec == OURO_CODEC_NONE) chunk.raw = chunk.stored;
    if (chunk.raw > 1u << 20) chunk.raw = 1u << 20; /* of a size that a run has memory for */
    chunk.check = ouro__chunk_check(&chunk, data + at + sizeof chunk);
    memcpy(data + at, &chunk, sizeof chunk);
    at += sizeof chunk + chunk.stored;
  }
}

static int file_of(const uint8_t *data, size_t size) {
  int fd = memfd_create("recording", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
  return fd;
}

/* Every index that the profile promises is used. */
static void walk(const ouro__profile *profile) {
  uint64_t sum = 0;
  for (size_t i = 0; i < profile->site_count; i++) {
    const ouro__psite *site = &profile->sites[i];
    sum += strlen(site->type) + strlen(profile->threads[site->thread].name);
    for (uint32_t node = site->node; node; node = profile->nodes[node].parent) {
      for (uint32_t frame = profile->nodes[node].frame; frame; frame = profile->frames[frame].caller) {
        const ouro__pframe *at = &profile->frames[frame];
        sum += strlen(at->function) + strlen(at->file) + strlen(at->module);
      }
    }
  }
  for (size_t i = 0; i < profile->pin_count; i++) {
    if (profile->pins[i].site != UINT32_MAX) sum += profile->sites[profile->pins[i].site].samples;
  }
  ouro__tally *live = ouro__profile_at(profile, profile->snapshot_count);
  for (size_t i = 0; live && i < profile->site_count; i++) sum += (uint64_t)live[i].bytes;
  free(live);
  __asm__ volatile("" : : "r"(sum)); /* what is read is not left out */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size + 1);
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  put_right(copy, size);
  ouro__profile *profile = ouro__recording_profile(file_of(copy, size), "fuzzed");
  if (profile) walk(profile);
  ouro__profile_free(profile);
  free(copy);
  return 0;
}
