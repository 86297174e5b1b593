/* tests/preload/library.c - what the C library allocates, the program may free, and the other way round.
 *
 * Plain program, see check.h. */
#include "check.h"

#include <dirent.h>
#include <grp.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <search.h>
#include <time.h>
#include <wchar.h>

static void strings(void) {
  char *copy = strdup("a string that is copied");
  CHECK(strcmp(copy, "a string that is copied") == 0);
  copy = realloc(copy, 1000);
  CHECK(strcmp(copy, "a string that is copied") == 0);
  free(copy);
  free(strndup("cut here", 3));
  free(wcsdup(L"wide"));
  char *text = NULL;
  CHECK(asprintf(&text, "%d %s %300d", 1, "two", 3) > 300);
  free(text);
}

static void files(void) {
  char *line = NULL;
  size_t size = 0;
  FILE *file = fopen("/proc/self/status", "r");
  CHECK(file != NULL);
  int lines = 0;
  while (getline(&line, &size, file) > 0) {
    lines++;
  }
  CHECK(lines > 10);
  fclose(file);
  free(line);
  line = malloc(10);
  size = 10;
  file = fopen("/proc/self/status", "r");
  CHECK(getdelim(&line, &size, ':', file) > 0);
  fclose(file);
  free(line);
  char *stream_text = NULL;
  size_t stream_size = 0;
  FILE *stream = open_memstream(&stream_text, &stream_size);
  for (int i = 0; i < 10000; i++) {
    fprintf(stream, "%d\n", i);
  }
  fclose(stream);
  CHECK(stream_size == 48890);
  free(stream_text);
}

static void paths(void) {
  free(getcwd(NULL, 0));
  char *real = realpath("/proc/self/../self/status", NULL);
  CHECK(real != NULL);
  free(real);
  struct dirent **names = NULL;
  int count = scandir("/", &names, NULL, alphasort);
  CHECK(count > 5);
  for (int i = 0; i < count; i++) {
    free(names[i]);
  }
  free(names);
}

static void tables_and_patterns(void) {
  regex_t pattern;
  void *tree = NULL;
  CHECK(regcomp(&pattern, "^(a|b)*c+[[:digit:]]{2,5}$", REG_EXTENDED) == 0);
  CHECK(regexec(&pattern, "ababcc1234", 0, NULL, 0) == 0);
  regfree(&pattern);
  CHECK(hcreate(1000) != 0);
  hdestroy();
  for (int i = 0; i < 1000; i++) {
    char *key = NULL;
    CHECK(asprintf(&key, "%d", i * 7 % 1000) > 0);
    CHECK(tsearch(key, &tree, (int (*)(const void *, const void *))strcmp) != NULL);
  }
  tdestroy(tree, free);
}

static void the_system(void) {
  setlocale(LC_ALL, "C.UTF-8");
  setenv("OURO_PRELOAD_TEST", "value", 1);
  CHECK(strcmp(getenv("OURO_PRELOAD_TEST"), "value") == 0);
  putenv(strdup("OURO_PRELOAD_TEST=other"));
  CHECK(strcmp(getenv("OURO_PRELOAD_TEST"), "other") == 0);
  unsetenv("OURO_PRELOAD_TEST");
  CHECK(getpwuid(0) != NULL); /* loads a name service */
  CHECK(getgrgid(0) != NULL);
  struct addrinfo *found = NULL;
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC};
  CHECK(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
  freeaddrinfo(found);
  time_t now = 0;
  CHECK(localtime(&now) != NULL);
  tzset();
  FILE *command = popen("echo from a child", "r");
  char text[100] = "";
  CHECK(fgets(text, sizeof text, command) != NULL);
  CHECK(strcmp(text, "from a child\n") == 0);
  CHECK(pclose(command) == 0);
  CHECK(system("exit 7") == 7 << 8);
}

int main(void) {
  strings();
  files();
  paths();
  tables_and_patterns();
  the_system();
  puts("done");
  return 0;
}
