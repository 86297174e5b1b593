// tests/preload/operators.cpp - C++'s operators new and delete, of all signatures, reach ouro's heap; containers, exceptions and
// thread_local objects live on it.
//
// Plain program, see check.h.
#include "check.h"

#include <malloc.h>

#include <map>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

static void plain_operators() {
  for (size_t size = 1; size < 1000000; size = size * 3 + 1) {
    void *block = ::operator new(size);
    CHECK(malloc_usable_size(block) >= size);
    fill(block, size, 1);
    CHECK(holds(block, size, 1));
    ::operator delete(block);
    block = ::operator new[](size);
    ::operator delete[](block);
    block = ::operator new(size);
    ::operator delete(block, size);
    block = ::operator new[](size);
    ::operator delete[](block, size);
    block = ::operator new(size, std::nothrow);
    ::operator delete(block, std::nothrow);
    block = ::operator new[](size, std::nothrow);
    ::operator delete[](block, std::nothrow);
  }
  void *nothing = ::operator new(0);
  CHECK(nothing != nullptr);
  ::operator delete(nothing);
  ::operator delete(nullptr);
}

static void aligned_operators() {
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    const std::align_val_t value{alignment};
    for (size_t size = 1; size < 100000; size = size * 7 + 1) {
      void *block = ::operator new(size, value);
      CHECK((reinterpret_cast<uintptr_t>(block) & (alignment - 1)) == 0);
      fill(block, size, 2);
      ::operator delete(block, value);
      block = ::operator new[](size, value);
      ::operator delete[](block, value);
      block = ::operator new(size, value);
      ::operator delete(block, size, value);
      block = ::operator new[](size, value);
      ::operator delete[](block, size, value);
      block = ::operator new(size, value, std::nothrow);
      ::operator delete(block, value, std::nothrow);
    }
  }
}

static void what_cannot_be_had_throws() {
  bool thrown = false;
  try {
    ::operator delete(::operator new(hide_size(static_cast<size_t>(PTRDIFF_MAX))));
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK(::operator new(hide_size(static_cast<size_t>(PTRDIFF_MAX)), std::nothrow) == nullptr);
  CHECK(::operator new (hide_size(static_cast<size_t>(PTRDIFF_MAX)), std::align_val_t{64}, std::nothrow) == nullptr);
}

static int handlers_called;

static void new_handler_is_called() {
  std::set_new_handler([] {
    if (++handlers_called == 3) {
      std::set_new_handler(nullptr);
    }
  });
  CHECK(::operator new(hide_size(static_cast<size_t>(PTRDIFF_MAX)), std::nothrow) == nullptr);
  CHECK(handlers_called == 3);
}

struct alignas(128) wide {
  char bytes[300];
};

static void containers() {
  std::map<std::string, std::vector<int>> table;
  for (int i = 0; i < 20000; i++) {
    table["key " + std::to_string(i * 7919 % 5000)].push_back(i);
  }
  CHECK(table.size() == 5000);
  for (int i = 0; i < 5000; i += 2) {
    table.erase("key " + std::to_string(i));
  }
  CHECK(table.size() == 2500);
  std::unordered_map<int, std::unique_ptr<wide>> wides;
  for (int i = 0; i < 1000; i++) {
    wides[i] = std::make_unique<wide>();
    CHECK((reinterpret_cast<uintptr_t>(wides[i].get()) & 127) == 0);
  }
  std::vector<std::shared_ptr<std::set<int>>> shared(100, std::make_shared<std::set<int>>());
  shared[0]->insert(7);
  CHECK(shared[99]->count(7) == 1);
}

static thread_local std::vector<std::string> of_the_thread;

static void threads_and_exceptions() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 20; t++) {
    threads.emplace_back([] {
      for (int i = 0; i < 1000; i++) {
        of_the_thread.push_back(std::string(static_cast<size_t>(i % 100), 'x'));
        try {
          throw std::runtime_error("a message that is too long for the small string: " + std::to_string(i));
        } catch (const std::exception &error) {
          CHECK(strlen(error.what()) > 40);
        }
      }
    });
  }
  for (auto &thread : threads) {
    thread.join();
  }
}

static std::string before_main = std::string(1000, 'm');

int main() {
  CHECK(before_main.size() == 1000);
  plain_operators();
  aligned_operators();
  what_cannot_be_had_throws();
  new_handler_is_called();
  containers();
  threads_and_exceptions();
  puts("done");
  return 0;
}
