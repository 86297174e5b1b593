// tests/symbols/plus.cpp - names that are mangled: namespaces, templates, members, lambdas. For symbols.py.
#include <cstdlib>
#include <vector>

namespace outer {
namespace {
struct hidden {
  int number;
  __attribute__((always_inline)) int inlined(int more) const { return static_cast<int *>(std::malloc(more))[number]; }
  __attribute__((noinline)) int member(int more) const { return number + more; }
};
}  // namespace

template <class item> struct box {
  item *content = nullptr;
  void fill(int count) { content = static_cast<item *>(std::malloc(count * sizeof(item))); }
  ~box() { std::free(content); }
};

__attribute__((noinline)) int use(int count) {
  box<long> one;
  one.fill(count);
  one.content[0] = count;
  auto twice = [count](int number) __attribute__((noinline)) { return hidden{number}.member(count); };
  return twice(static_cast<int>(one.content[0]));
}

#ifdef INLINED
__attribute__((noinline)) int use_inlined(int count) { return hidden{count}.inlined(count); }
#endif
}  // namespace outer

int main(int argc, char **) {
  std::vector<int> numbers;
  for (int i = 0; i < argc * 10; i++) numbers.push_back(i);
#ifdef INLINED
  argc += outer::use_inlined(argc);
#endif
  return argc + outer::use(static_cast<int>(numbers.size()));
}
