/* cli/profile/request.h - asking a traced process for something, through the page of its area (trace/area.h).
 *
 * Several commands may ask at once. They take turns by a lock on the directory that the area is in; the process itself takes no
 * lock. */
#ifndef OURO_CLI_PROFILE_REQUEST_H
#define OURO_CLI_PROFILE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ouro__request {
  uint32_t what; /* ouro__area_wish, ORed */
  uint32_t mode, frames, native; /* for OURO_WISH_MODE; frames 0: as they are */
  uint64_t sample_bytes;         /* 0: as it is */
} ouro__request;

/* Ask the process whose area is `path`. Returns 0 and the number that the page's `answered` will reach, or an errno;
 * EWOULDBLOCK: another command is asking just now. What the process was asked for and has not yet seen is asked for too. */
int ouro__request_ask(const char *path, const ouro__request *request, uint32_t *number);

/* Has the process come to this number? */
bool ouro__request_is_answered(uint32_t answered, uint32_t number);

#endif
