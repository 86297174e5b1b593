/* trace/sample.h - which bytes are sampled, and what a sampled block stands for.
 *
 * The distance from one sampled byte to the next is geometrically distributed, here by its continuous limit: -mean * ln(u), u uniform in (0, 1]. So
 * a block of s bytes is sampled with probability p = 1 - exp(-s / mean), whatever was allocated before it, and stands for 1 / p blocks: the sum of
 * 1 / p over the sampled ones is an unbiased estimate of how many there were, and s / p of their bytes (D. Horvitz, D. Thompson,
 * "A Generalization of Sampling Without Replacement from a Finite Universe", 1952). The variance of the estimate of bytes is estimated by the
 * sum of s^2 (1 - p) / p^2. */
#ifndef OURO_TRACE_SAMPLE_H
#define OURO_TRACE_SAMPLE_H

#include <stdint.h>

typedef struct ouro__sample_weight {
  uint64_t count;  /* in 1/256 blocks */
  uint64_t bytes;
  double variance; /* of bytes, in bytes squared */
} ouro__sample_weight;

/* For a block of `size` bytes; samples are `mean` bytes apart. Here and for the distance a block counts a byte more than it has, so that one of no
 * bytes is sampled too. */
ouro__sample_weight ouro__sample_weigh(uint64_t size, uint64_t mean);

/* Bytes to the next sample, at least 1. `random`: the generator's state. */
int64_t ouro__sample_gap(uint64_t *random, uint64_t mean);

#endif
