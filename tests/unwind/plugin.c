/* tests/unwind/plugin.c - a library that is loaded, calls back, and is unloaded. It is built twice, with frames of different sizes
 * (PLUGIN_BYTES) at the same addresses of code. */
#include <stddef.h>

void plugin_call(void (*function)(void));
void plugin_bind(void (*function)(void));
int plugin_late(void);

__attribute__((noinline)) void plugin_call(void (*function)(void)) {
  volatile char frame[PLUGIN_BYTES];
  frame[0] = 1;
  function();
  frame[1] = frame[0];
}

static void (*at_binding)(void);

static int one(void) { return 1; }

typedef int number(void);

/* Runs inside of the dynamic linker, when the first call of plugin_late is bound. */
static __attribute__((used)) number *choose(void) {
  if (at_binding) at_binding();
  return one;
}

int plugin_late(void) __attribute__((ifunc("choose")));

__attribute__((noinline)) void plugin_bind(void (*function)(void)) {
  at_binding = function;
  (void)plugin_late();
  at_binding = NULL;
}
