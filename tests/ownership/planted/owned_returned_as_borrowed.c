/* The caller is not told that he must release it. */
#include "../node.h"

node *planted(void);
node *planted(void) {
  OURO_OWNED(node) made = ouro_new(&node_type);
  return made;
}
