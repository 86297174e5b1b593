/* The caller will release what was only borrowed. */
#include "../node.h"

OURO_OWNED(node) planted(node *self);
OURO_OWNED(node) planted(node *self) { return self->back; }
