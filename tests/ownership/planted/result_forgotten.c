/* BOTH: the compiler finds this one in every build. What is new is not even looked at. */
#include "../node.h"

void planted(node *self);
void planted(node *self) { ouro_steal(&self->next); }
