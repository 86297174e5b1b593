/* examples/words/words.h - the words of lines: a generator. */
#ifndef WORDS_H
#define WORDS_H

#include <ouro/ouro.h>

/* The words of the strings that `lines` gives, one after the other, in lower case. A word is letters, digits, and apostrophes within; what
 * is not ASCII counts as a letter. New; NULL with errno. */
ouro_ref words_new(void *lines);

#endif
