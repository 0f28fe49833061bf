// The process's one pool of worker threads. Work is split into units that write disjoint memory, so the number of
// threads never changes a result.
//
// - A caller takes part in its own job, so run() makes progress even when every worker is busy or none could be
// started.
// - Many callers at once share the workers: a worker joins whichever open job still wants one.
// - Workers look for the next job for about a millisecond after one ends, most of it giving way to whoever wants the
// core, then sleep on a condition variable: waking one costs 50 us, a third of a layer.
// - After fork() the child has no workers; it starts its own at its first run() with more than one thread.
#pragma once
#include <cstdint>

namespace xnorkit {

inline constexpr int kMaxThreads = 256;

// Called with units [begin, end) and the participant's index in [0, threads): two concurrent calls of one job never
// share an index, so it may pick a scratch area.
using JobBody = void (*)(void* context, int64_t begin, int64_t end, int participant);

// Calls body until all units are done, on at most `threads` threads including the caller (clamped to kMaxThreads).
// Returns when all are done; all writes of all units are then visible to the caller. Allocates nothing once the workers
// exist.
void parallel_run(int threads, int64_t units, JobBody body, void* context);

// Workers started so far in this process.
int worker_count();

}  // namespace xnorkit
