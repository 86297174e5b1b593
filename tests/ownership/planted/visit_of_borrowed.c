/* A visit function shows a pointer that owns nothing: the collector would find more references than are counted. */
#include "../node.h"

void planted(void *self, ouro_visitor *visitor);
void planted(void *self, ouro_visitor *visitor) { ouro_visit(visitor, &((node *)self)->back); }
