/* tests/model/open.h - the model of objects that are open to readers: see open.c. */
#ifndef OURO_TEST_MODEL_OPEN_H
#define OURO_TEST_MODEL_OPEN_H

#include "search.h"

typedef enum open_fault {
  OPEN_AS_IT_IS,
  OPEN_NO_BARRIER,  /* the writer does not have the others' processors pass a barrier */
  OPEN_NO_WAIT,     /* it does not wait for who reads */
  OPEN_NOT_CLOSED,  /* it does not close the object */
  OPEN_LOOKS_FIRST, /* a reader looks whether it is open before it says that it reads */
  OPEN_UNLOCKED,    /* a reader opens it without having its lock */
  OPEN_FAULTS
} open_fault;

void open_set_fault(open_fault planted);
extern const search_system open_system;

#endif
