/* A reference that belongs to somebody else is released by way of a borrowed pointer. */
#include "../node.h"

void planted(node *borrowed);
void planted(node *borrowed) { ouro_decref(borrowed); }
