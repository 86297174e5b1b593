/* trace/sample.c - logarithm and exponential without the mathematical library, which a preloaded library shall not drag in. */
#include "trace/sample.h"

#include <string.h>

/* ln(x), x > 0 and normal: the exponent, and 2 artanh((m - 1) / (m + 1)) for the mantissa in [1/sqrt 2, sqrt 2). Error below 1e-12. */
static double natural_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
  memcpy(&x, &bits, sizeof x);
  if (x > 1.4142135623730951) {
    x /= 2;
    exponent++;
  }
  double t = (x - 1) / (x + 1), square = t * t, term = t, sum = 0;
  for (int i = 1; i < 20; i += 2, term *= square) sum += term / i;
  return exponent * 0.6931471805599453 + 2 * sum;
}

/* 1 - exp(-x), x >= 0: a series for the small x, of which most blocks are; squared up for the others. */
static double one_minus_exp(double x) {
  if (x > 40) return 1;
  if (x < 0.03125) return x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6)))));
  double half = one_minus_exp(x / 2); /* 1 - e^-x = (1 - e^(-x/2)) (1 + e^(-x/2)) */
  return half * (2 - half);
}

ouro__sample_weight ouro__sample_weigh(uint64_t size, uint64_t mean) {
  double p = one_minus_exp(((double)size + 1) / (double)mean);
  return (ouro__sample_weight){(uint64_t)(256 / p + 0.5), (uint64_t)((double)size / p + 0.5), (double)size * (double)size * (1 - p) / (p * p)};
}

/* splitmix64 (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t next_random(uint64_t *random) {
  uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

int64_t ouro__sample_gap(uint64_t *random, uint64_t mean) {
  double u = ((double)(next_random(random) >> 11) + 1) / 9007199254740992.0; /* (0, 1] */
  return (int64_t)(-natural_log(u) * (double)mean) + 1;
}
