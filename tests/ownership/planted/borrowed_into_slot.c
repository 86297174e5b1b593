/* A slot holds what nobody counted. */
#include "../node.h"

void planted(node *self, node *value);
void planted(node *self, node *value) { self->next = value; }
