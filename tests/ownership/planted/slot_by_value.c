/* What the slot holds is given, where its address is meant. */
#include "../node.h"

void planted(node *self);
void planted(node *self) { ouro_clear(self->next); }
