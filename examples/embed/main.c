/* examples/embed/main.c - a small program on ouro's heap: counts the words of its input, with a private heap per file.
 *
 *     words FILE...
 *
 * Each file's words live in a heap of their own, which goes whole when the file is done; so nothing here frees a word. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <ouro/ouro.h>

enum { SLOTS = 4096, LONGEST = 256 };

typedef struct word {
  struct word *next;
  size_t count;
  char text[];
} word;

typedef struct table {
  word *slots[SLOTS];
  size_t different, total;
} table;

static size_t hash_of(const char *text) {
  size_t hash = 5381;
  for (; *text; text++) hash = hash * 33 + (unsigned char)*text;
  return hash % SLOTS;
}

/* Count one more `text`. Returns 0, or -1 where there is no memory. */
static int count_word(ouro_heap *heap, table *words, const char *text) {
  word **slot = &words->slots[hash_of(text)];
  word *found = *slot;
  while (found && strcmp(found->text, text) != 0) found = found->next;
  if (!found) {
    found = ouro_heap_malloc(heap, sizeof *found + strlen(text) + 1);
    if (!found) return -1;
    strcpy(found->text, text);
    found->count = 0;
    found->next = *slot;
    *slot = found;
    words->different++;
  }
  found->count++;
  words->total++;
  return 0;
}

/* Read one word, in small letters; 0 at the end of the file. */
static int read_word(FILE *file, char *text) {
  int c, length = 0;
  while ((c = getc(file)) != EOF && !isalnum(c)) {
  }
  for (; c != EOF && isalnum(c); c = getc(file))
    if (length < LONGEST - 1) text[length++] = (char)tolower(c);
  text[length] = '\0';
  return length > 0;
}

static int count_file(const char *path) {
  char text[LONGEST];
  size_t blocks;
  int status = 0;
  FILE *file = fopen(path, "r");
  ouro_heap *heap = ouro_heap_new(NULL);
  table *words = heap ? ouro_heap_calloc(heap, 1, sizeof *words) : NULL;
  if (!file || !words) status = -1;
  while (status == 0 && read_word(file, text)) status = count_word(heap, words, text);
  if (status == 0) {
    size_t bytes = ouro_heap_bytes(heap, &blocks);
    printf("%s: %zu words, %zu different, %zu blocks in %zu KiB\n", path, words->total, words->different, blocks,
           bytes / 1024);
  } else {
    perror(path);
  }
  ouro_heap_destroy(heap);
  if (file) fclose(file);
  return status;
}

int main(int argc, char **argv) {
  int failed = 0;
  for (int i = 1; i < argc; i++) failed |= count_file(argv[i]);
  printf("ouro %s\n", ouro_version());
  return failed ? 1 : 0;
}
