/* domains.h - Python's three allocator domains on the heap of this extension's copy, in an interpreter that runs already.
 *
 * New blocks come from ouro's heap. What was allocated before, or comes from an allocator that somebody installs later and hands on
 * to us, is told by its address, and goes back to the allocator that was there before:
 *
 *     PyObject_Free -> [later wrappers] -> ours -> in ouro's region?  yes: ouro   no: what was there before
 *
 * The wrappers stay when tracing stops, since blocks of ours live on, and until the process ends. */
#ifndef OURO_PYTHON_DOMAINS_H
#define OURO_PYTHON_DOMAINS_H

#include <stdbool.h>

/* Install the wrappers where they are not yet. With the GIL; other threads may be using the raw domain meanwhile. */
void ouro__py_domains_install(void);

/* From now on, move what others allocated to ouro's heap when it is resized, so that it is traced from then on. */
void ouro__py_domains_adopt(bool on);

#endif
