#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace xnorkit {
namespace {

constexpr int kSpins = 4000;                     // about 0.1 ms of looking; to wake a sleeping thread takes 0.05 ms
constexpr std::chrono::milliseconds kLinger{1};  // then of looking while nobody else wants the core
constexpr int kShare = 2;  // a chunk is a thread's part of what is left, over this: late threads hold nobody up

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Which core this thread runs on now, or -1.
inline int current_core() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Moves this thread to another core it may use. A system wakes a thread near the one that wakes it, and on a virtual
// machine that was the caller's own core, where the caller then waits while the worker does all the work alone.
void leave_core(int core) {
#if defined(__linux__)
  cpu_set_t mine, others;
  if (sched_getaffinity(0, sizeof mine, &mine) != 0) return;
  others = mine;
  CPU_CLR(static_cast<size_t>(core), &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof mine, &mine);
#else
  (void)core;
#endif
}

struct Job {
  JobBody body;
  void* context;
  int64_t units;
  int limit;                     // participants wanted, the caller included
  int core = current_core();     // the caller's
  int joined = 1;                // guarded by Pool::mutex
  std::atomic<int> active{0};    // workers inside; changed under Pool::mutex, read without while the caller spins
  std::atomic<int64_t> next{0};  // first unit nobody took
  Job* link = nullptr;           // guarded by Pool::mutex

  bool open() const { return joined < limit && next.load(std::memory_order_relaxed) < units; }

  void work(int participant) {
    for (int64_t begin = next.load(std::memory_order_relaxed); begin < units;) {
      const int64_t end = begin + std::max<int64_t>(1, (units - begin) / (int64_t{limit} * kShare));
      if (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
      body(context, begin, end, participant);
      begin = next.load(std::memory_order_relaxed);
    }
  }
};

class Pool {
 public:
  void run(Job& job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      start_workers(job.limit - 1);
      job.link = jobs_;
      jobs_ = &job;
      posted_.fetch_add(1, std::memory_order_relaxed);
    }
    for (int i = 1; i < job.limit; ++i) wake_.notify_one();
    job.work(0);
    finish(job);
  }

  int workers() {
    std::lock_guard<std::mutex> lock(mutex_);
    return workers_;
  }

 private:
  void finish(Job& job) {
    for (int i = 0; i < kSpins && job.active.load(std::memory_order_acquire) != 0; ++i) relax();
    std::unique_lock<std::mutex> lock(mutex_);
    Job** at = &jobs_;
    while (*at != &job) at = &(*at)->link;
    *at = job.link;
    done_.wait(lock, [&] { return job.active.load(std::memory_order_relaxed) == 0; });
  }

  // A worker that cannot be started is done without: the caller does the work.
  void start_workers(int wanted) {
    while (workers_ < wanted) {
      sigset_t all, before;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);  // signals belong to the application's own threads
      pthread_t thread;
      const int failed = pthread_create(&thread, nullptr, &Pool::enter, this);
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      if (failed) return;
      pthread_detach(thread);
      ++workers_;
    }
  }

  static void* enter(void* self) {
    static_cast<Pool*>(self)->serve();
    return nullptr;
  }

  Job* find_open() {
    for (Job* job = jobs_; job; job = job->link)
      if (job->open()) return job;
    return nullptr;
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      if (Job* job = find_open()) {
        const int participant = job->joined++;
        job->active.fetch_add(1, std::memory_order_relaxed);
        lock.unlock();
        if (job->core >= 0 && job->core == current_core()) leave_core(job->core);
        job->work(participant);
        lock.lock();
        if (job->active.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
        continue;
      }
      const int seen = posted_.load(std::memory_order_relaxed);
      lock.unlock();
      for (int i = 0; i < kSpins && posted_.load(std::memory_order_relaxed) == seen; ++i) relax();
      const auto until = std::chrono::steady_clock::now() + kLinger;
      while (posted_.load(std::memory_order_relaxed) == seen && std::chrono::steady_clock::now() < until) sched_yield();
      lock.lock();
      wake_.wait(lock, [&] { return posted_.load(std::memory_order_relaxed) != seen || find_open(); });
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* jobs_ = nullptr;         // all unfinished jobs
  std::atomic<int> posted_{0};  // jobs ever posted
  int workers_ = 0;
};

// The pool lives until the process ends. A forked child abandons the copy it inherited: its mutex may be held by a
// thread that does not exist there.
std::atomic<Pool*> current{nullptr};

Pool& pool() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { current.store(nullptr); });
  (void)registered;
  Pool* found = current.load(std::memory_order_acquire);
  if (found) return *found;
  Pool* fresh = new Pool;
  if (current.compare_exchange_strong(found, fresh, std::memory_order_acq_rel)) return *fresh;
  delete fresh;
  return *found;
}

}  // namespace

void parallel_run(int threads, int64_t units, JobBody body, void* context) {
  const int limit = static_cast<int>(std::min<int64_t>({threads, kMaxThreads, units}));
  if (limit <= 1) {
    if (units > 0) body(context, 0, units, 0);
    return;
  }
  Job job{body, context, units, limit};
  pool().run(job);
}

int worker_count() {
  Pool* found = current.load(std::memory_order_acquire);
  return found ? found->workers() : 0;
}

}  // namespace xnorkit
