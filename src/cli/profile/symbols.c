/* cli/profile/symbols.c - gives native frames their names. */
#include "cli/profile/profile.h"

void ouro__profile_symbolise(ouro__profile *profile) { (void)profile; }
