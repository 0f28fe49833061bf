// What this core could do at most: loops without memory, and reading memory.
#include <chrono>

#include "bindings/convert.h"
#include "kernels/peak/peak.h"

namespace xnorkit {
namespace {

using Clock = std::chrono::steady_clock;

volatile uint64_t sink;  // results go here, so that no loop is removed

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

nb::list peaks() {
  nb::list rows;
  for (const Peak& peak : kPeaks) {
    nb::dict row;
    row["name"] = peak.name;
    row["isa"] = isa_name(peak.isa);
    row["kind"] = peak.kind;
    row["multiply_adds"] = peak.multiply_adds;
    row["runs_here"] = peak.isa <= detect_isa();
    rows.append(row);
  }
  return rows;
}

double run_peak(const std::string& name, int64_t iterations) {
  for (const Peak& peak : kPeaks) {
    if (name != peak.name) continue;
    if (peak.isa > detect_isa())
      throw Failure{Status::error(Code::unsupported, "[peak] %s: this CPU lacks %s", peak.name, isa_name(peak.isa))};
    nb::gil_scoped_release release;
    const Clock::time_point begun = Clock::now();
    sink = peak.run(iterations);
    return seconds_since(begun);
  }
  throw Failure{Status::error(Code::range, "[peak] name: got %s, expected a name of peaks()", name.c_str())};
}

double read_memory(const nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>& words) {
  nb::gil_scoped_release release;
  const Clock::time_point begun = Clock::now();
  sink = read_words(words.data(), words.shape(0));
  return seconds_since(begun);
}

}  // namespace

void bind_peak(nb::module_& m) {
  m.def("peaks", &peaks, "The peak loops: name, isa, kind, multiply_adds of an iteration, runs_here.");
  m.def("run_peak", &run_peak, nb::arg("name"), nb::arg("iterations"), "Seconds of so many iterations of a peak loop.");
  m.def("read_memory", &read_memory, nb::arg("words"), "Seconds of reading an array of 64-bit words once.");
}

}  // namespace xnorkit
