/* What is new is kept in a pointer that nobody releases. */
#include "../node.h"

void planted(void);
void planted(void) {
  node *n = ouro_new(&node_type);
  look_at(n);
}
