/* A slot takes over a reference that is not the caller's to give. */
#include "../node.h"

void planted(node *self, node *value);
void planted(node *self, node *value) { ouro_movref(&self->next, value); }
