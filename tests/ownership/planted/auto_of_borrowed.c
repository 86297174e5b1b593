/* The end of the scope releases what was never taken. */
#include "../node.h"

void planted(node *borrowed);
void planted(node *borrowed) {
  OURO_AUTO(node) n = borrowed;
  look_at(ouro_borrow(n));
}
