/* ouro_malloc.h - the floor again, on ouro's heap: blocks of ouro_malloc, with a count that the program keeps by itself. */
#ifndef SYSTEM_OURO_MALLOC_H
#define SYSTEM_OURO_MALLOC_H

#define OURO_STATIC
#include <ouro/heap.h>

#define ALLOCATE ouro_malloc
#define RELEASE ouro_free
#include "malloc.h"

#endif
