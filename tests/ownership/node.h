/* tests/ownership/node.h - what the planted violations work on: an object with one owned slot and one borrowed pointer. */
#ifndef NODE_H
#define NODE_H

#include <ouro/ouro.h>

typedef struct node {
  ouro_object base;
  OURO_OWNED(struct node) next;
  struct node *back; /* borrowed */
} node;

extern ouro_type node_type;

/* Borrows. */
void look_at(node *n);

/* Takes over. */
void take_over(OURO_OWNED(node) n);

#endif
