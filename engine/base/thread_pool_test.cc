// Every unit once, participants apart, many callers, fork, and idle workers that cost nothing.
#include "base/thread_pool.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/check.h"

using namespace xnorkit;

namespace {

struct Count {
  std::vector<std::atomic<int>> units;
  std::atomic<int> inside[kMaxThreads] = {};
  std::atomic<int> clashes{0};

  explicit Count(size_t n) : units(n) {}

  static void body(void* context, int64_t begin, int64_t end, int participant) {
    Count& c = *static_cast<Count*>(context);
    if (c.inside[participant].fetch_add(1) != 0) c.clashes.fetch_add(1);
    for (int64_t u = begin; u < end; ++u) c.units[static_cast<size_t>(u)].fetch_add(1);
    c.inside[participant].fetch_sub(1);
  }

  bool each_once() const {
    for (const auto& u : units)
      if (u.load() != 1) return false;
    return true;
  }
};

bool run_is_right(int threads, size_t units) {
  Count count(units);
  parallel_run(threads, static_cast<int64_t>(units), &Count::body, &count);
  return count.each_once() && count.clashes == 0;
}

void every_unit_once() {
  for (const int threads : {1, 2, 3, 8, 1000})
    for (const size_t units : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{1000}, size_t{100000}})
      for (int round = 0; round < 20; ++round)
        CHECK(run_is_right(threads, units), "%d threads, %zu units", threads, units);
  CHECK(worker_count() <= kMaxThreads - 1, "%d workers", worker_count());
}

void many_callers_at_once() {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        if (!run_is_right(3, 50)) wrong.fetch_add(1);
    });
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0, "%d wrong runs", wrong.load());
}

// A child forked while other threads are inside the pool starts workers of its own.
void forked_children_work() {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) (void)run_is_right(3, 200);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // a deadlock ends as a signal, not as a hanging test
      bool right = worker_count() == 0;
      for (int round = 0; round < 20; ++round) right = right && run_is_right(3, 100);
      _exit(right && worker_count() == 2 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with %d", status);
  }
  stop = true;
  busy.join();
}

double cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void idle_workers_sleep() {
  CHECK(run_is_right(8, 1000), "a run that starts workers");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  CHECK(cpu_seconds() - before < 0.02, "idle workers used %.3f s of CPU", cpu_seconds() - before);
}

}  // namespace

int main() {
  every_unit_once();
  many_callers_at_once();
  forked_children_work();
  idle_workers_sleep();
  return test::check_summary();
}
