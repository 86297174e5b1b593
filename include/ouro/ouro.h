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
#include "value.h"
#include "number.h"
#include "str.h"
#include "bytes.h"
#include "list.h"
#include "dict.h"
#include "class.h"
#include "generator.h"
#include "json.h"
#include "trace.h"
#include "source.h"

#if defined(OURO_TRACE) && !defined(OURO_BUILDING)
#include "traced.h"
#endif

#endif
