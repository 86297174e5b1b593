/* values/hash.c - SipHash: a hash of bytes under a secret key, so that nobody can choose names which collide. */
#include <string.h>

#include "values/values.h"

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static void round_of(uint64_t v[4]) {
  v[0] += v[1], v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32);
  v[2] += v[1], v[0] += v[3];
  v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
  v[2] = rotate(v[2], 32);
}

static void rounds_of(uint64_t v[4], int count) {
  while (count-- > 0) round_of(v);
}

static void take_word(uint64_t v[4], uint64_t word, int rounds) {
  v[3] ^= word;
  rounds_of(v, rounds);
  v[0] ^= word;
}

/* Up to 8 bytes as a number, the first the lowest, on any machine. */
static uint64_t little_endian(const unsigned char *bytes, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; i++) word |= (uint64_t)bytes[i] << 8 * i;
  return word;
}

uint64_t ouro__siphash(const void *bytes, size_t length, const uint64_t key[2], int rounds, int last_rounds) {
  const unsigned char *at = bytes;
  uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                   key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
  for (size_t left = length; left >= 8; left -= 8, at += 8) take_word(v, little_endian(at, 8), rounds);
  take_word(v, (uint64_t)length << 56 | little_endian(at, length % 8), rounds);
  v[2] ^= 0xff;
  rounds_of(v, last_rounds);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
