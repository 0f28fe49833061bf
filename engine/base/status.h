// What every fallible engine call returns: a code shared with src/xnorkit/errors.py and a message
// "[where] what: got X, expected Y". No exceptions inside the engine; no allocation for a status.
#pragma once
#include <cstdarg>
#include <cstdio>

namespace xnorkit {

enum class Code : unsigned char { ok, shape, dtype, range, limit, graph, unsupported };

// The stable code string, e.g. "XK_SHAPE"; "" for ok.
inline const char* code_name(Code code) {
  switch (code) {
    case Code::ok: return "";
    case Code::shape: return "XK_SHAPE";
    case Code::dtype: return "XK_DTYPE";
    case Code::range: return "XK_RANGE";
    case Code::limit: return "XK_LIMIT";
    case Code::graph: return "XK_GRAPH";
    case Code::unsupported: return "XK_UNSUPPORTED";
  }
  return "XK_ERROR";
}

struct [[nodiscard]] Status {
  Code code = Code::ok;
  char message[232] = {};

  bool ok() const { return code == Code::ok; }

  __attribute__((format(printf, 2, 3))) static Status error(Code code, const char* format, ...) {
    Status status;
    status.code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(status.message, sizeof status.message, format, args);
    va_end(args);
    return status;
  }
};

}  // namespace xnorkit
