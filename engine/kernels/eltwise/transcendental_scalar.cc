// tanh and sigmoid of float32 through expm1 in float64, rounded once: no libm, so the same bits on every machine.
//
//   expm1(z) = 2^k * q(r) + (2^k - 1),  k = round(z / ln 2),  r = z - k * ln 2,  |r| <= ln 2 / 2
//   q(r) = r + r^2/2! + ... + r^12/12!          relative error below 3e-15: far under a float32 ulp (6e-8)
//   tanh(x) = -sign(x) * m / (m + 2),  m = expm1(-2|x|)       keeps its relative precision near 0, where k = 0
//   sigmoid(x) = 1 / (2 + m),          m = expm1(-x)
#include <cstring>

#include "kernels/eltwise/eltwise.h"

namespace xnorkit {
namespace {

// z in [-1000, 700].
inline double expm1_of(double z) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer, kept in the low bits
  constexpr double kInverse = 1.4426950408889634, kHigh = 6.93147180369123816490e-01, kLow = 1.90821492927058770002e-10;
  const double shifted = z * kInverse + kRound;
  const double k = shifted - kRound;
  const double r = (z - k * kHigh) - k * kLow;
  double q = 1.0 / 479001600;
  constexpr double kTerms[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                               1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2,     1.0};
  for (const double term : kTerms) q = q * r + term;
  q *= r;
  const int64_t exponent = static_cast<int64_t>(k);
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return power * q + (power - 1.0);
}

inline float tanh_of(float x) {
  if (x == 0 || x != x) return x;
  const double size = x < 0 ? -static_cast<double>(x) : static_cast<double>(x);
  if (size > 20) return x < 0 ? -1.0f : 1.0f;
  const double m = expm1_of(-2 * size);
  const double y = -m / (m + 2);
  return static_cast<float>(x < 0 ? -y : y);
}

inline float sigmoid_of(float x) {
  if (x != x) return x;
  const double z = -static_cast<double>(x);
  if (z > 200) return 0.0f;
  if (z < -60) return 1.0f;
  return static_cast<float>(1 / (2 + expm1_of(z)));
}

}  // namespace

void tanh_scalar(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  for (size_t i = 0; i < count; ++i) out[i] = tanh_of(x[i]);
}

void sigmoid_scalar(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  for (size_t i = 0; i < count; ++i) out[i] = sigmoid_of(x[i]);
}

}  // namespace xnorkit
