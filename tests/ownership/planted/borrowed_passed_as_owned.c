/* Somebody is given to take over what the caller does not own. */
#include "../node.h"

void planted(node *n);
void planted(node *n) { take_over(n); }
