/* object/fork.c - the locks of objects and of the layers above, around fork: taken in the order of their ranks, let go of in the other. */
#include "object/object.h"

static void (*const steps[])(int moment) = {ouro__types_fork, ouro__collector_fork, ouro__values_fork, ouro__weak_fork,
                                            ouro__deferred_fork};

enum { STEPS = sizeof steps / sizeof *steps };

void ouro__objects_fork(int moment) {
  for (unsigned i = 0; i < STEPS; i++) steps[moment == OURO_FORK_BEFORE_ALL ? i : STEPS - 1 - i](moment);
}
