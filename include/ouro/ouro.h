/* ouro/ouro.h - everything: one include for users of the library. */
#ifndef OURO_OURO_H
#define OURO_OURO_H

#include "base.h"
#include "heap.h"
#include "thread.h"
#include "object.h"
#include "gc.h"
#include "weak.h"
#include "weakmap.h"
#include "trace.h"
#include "source.h"

#if defined(OURO_TRACE) && !defined(OURO_BUILDING)
#include "traced.h"
#endif

#endif
