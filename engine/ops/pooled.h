// A pool that takes the rows of another op while they lie in the cache: the map before the pool is never whole in
// memory.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// Whether make_pooled takes this head: its units write known blocks, in the order of their pixels, and need nothing
// from the block before.
bool may_pool(const Op& head);

// pool: one whose units are rows of its output, of this window, on the head's output. Both keep their bits: only the
// place between them changes. Units are some rows of the pool; rows of the head that two of them read are computed once
// in a run() over both. XK_GRAPH where the pool does not fit the head.
Status make_pooled(OpPtr head, OpPtr pool, const Window& window, OpPtr* out);

}  // namespace xnorkit
