/* preload/start.c - what the preloaded library does before the program's first instruction. */
#include "heap/heap.h"
#include "preload/control.h"
#include "preload/doors.h"

/* Allocations may have come before, from the dynamic linker: they needed none of this. */
__attribute__((constructor)) static void start(void) {
  ouro__heap_start();
  ouro__python_start();
  ouro__control_start();
  ouro__preload_trace_start();
}
