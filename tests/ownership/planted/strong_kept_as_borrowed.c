/* What a weak reference gives must be released. */
#include "../node.h"

void planted(ouro_weak *weak);
void planted(ouro_weak *weak) {
  node *n = ouro_weak_get(weak);
  if (n) look_at(n);
}
