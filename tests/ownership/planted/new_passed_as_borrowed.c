/* A new reference goes to who only borrows it, and is lost. */
#include "../node.h"

void planted(node *n);
void planted(node *n) { look_at(ouro_newref(n)); }
