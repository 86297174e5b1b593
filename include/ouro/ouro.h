/* ouro/ouro.h - everything: one include for users of the library. */
#ifndef OURO_OURO_H
#define OURO_OURO_H

#include "base.h"
#include "heap.h"

#endif
