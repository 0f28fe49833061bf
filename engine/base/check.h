// The tests' whole framework: CHECK counts, prints what failed and where, and check_summary() is main's result.
#pragma once
#include <cstdio>

namespace xnorkit::test {

inline long checks = 0;
inline long failures = 0;

inline int check_summary() {
  std::printf("%ld checks, %ld failures\n", checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace xnorkit::test

// CHECK(condition, printf-format, ...): the message describes the case.
#define CHECK(condition, ...)                                                     \
  do {                                                                            \
    ++xnorkit::test::checks;                                                      \
    if (!(condition) && ++xnorkit::test::failures <= 20) {                        \
      std::fprintf(stderr, "%s:%d: CHECK(%s): ", __FILE__, __LINE__, #condition); \
      std::fprintf(stderr, __VA_ARGS__);                                          \
      std::fputc('\n', stderr);                                                   \
    }                                                                             \
  } while (false)
