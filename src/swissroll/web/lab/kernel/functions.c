// exp, log, sin and cos by argument reduction and Taylor series, and exp of four numbers at once.
#include "kernel.h"

INLINE uint64_t bits_of(double x) {
    uint64_t bits;
    __builtin_memcpy(&bits, &x, 8);
    return bits;
}

INLINE double from_bits(uint64_t bits) {
    double x;
    __builtin_memcpy(&x, &bits, 8);
    return x;
}

// 2^k for k in [-1022, 1023].
INLINE double power_of_two(int k) { return from_bits((uint64_t)(k + 1023) << 52); }

// ln 2 in two parts: the first has 21 zeros at its end, so that its multiples are exact.
#define LN2_HIGH 0x1.62e42fee00000p-1
#define LN2_LOW 0x1.a39ef35793c76p-33

double EXPORT(lab_exp)(double x) {
    if (x != x) return x;
    if (x > 709.782712893384) return __builtin_inf();
    if (x < -745.2) return 0;

    // x = k ln 2 + r, with |r| at most ln 2 / 2.
    double k = __builtin_nearbyint(x * 1.4426950408889634);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;

    // exp(r) = 1 + r + r^2 / 2! + ... to r^13.
    static const double inverse_factorials[] = {1. / 2,       1. / 6,        1. / 24,        1. / 120,
                                                1. / 720,     1. / 5040,     1. / 40320,     1. / 362880,
                                                1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800};
    double series = inverse_factorials[11];
    for (int i = 10; i >= 0; i--) series = series * r + inverse_factorials[i];
    double value = 1 + (r + r * r * series);

    // In two factors, as 2^k may be too small for one.
    int half = (int)k / 2;
    return value * power_of_two(half) * power_of_two((int)k - half);
}

double EXPORT(lab_log)(double x) {
    if (x != x || x < 0) return __builtin_nan("");
    if (x == 0) return -__builtin_inf();
    if (x == __builtin_inf()) return x;

    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }

    // x = 2^k m, with m between sqrt(1/2) and sqrt(2).
    uint64_t bits = bits_of(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent += 1;
    }

    // log m = 2 s (1 + s^2 / 3 + s^4 / 5 + ...) with s = (m - 1) / (m + 1); with f = m - 1 it is f - s (f - series).
    double f = m - 1;
    double s = f / (2 + f);
    double square = s * s;
    double series = 0;
    for (int odd = 23; odd >= 3; odd -= 2) series = series * square + 2.0 / odd;
    series *= square;
    return exponent * LN2_HIGH + ((exponent * LN2_LOW + s * (series - f)) + f);
}

// pi / 2 in three parts of 33 bits and a rest.
#define HALF_PI_1 0x1.921fb54400000p+0
#define HALF_PI_2 0x1.0b4611a600000p-34
#define HALF_PI_3 0x1.3198a2e037073p-69

// sin(x + quarters * pi / 2).
static double sine_shifted(double x, int quarters) {
    // x = k pi / 2 + r, with |r| at most pi / 4.
    double k = __builtin_nearbyint(x * 0.6366197723675814);
    double r = ((x - k * HALF_PI_1) - k * HALF_PI_2) - k * HALF_PI_3;
    int quadrant = ((int)(int64_t)k + quarters) & 3;

    double square = r * r;
    double value;
    if (quadrant & 1) {
        // cos r = 1 - r^2 / 2! + r^4 / 4! - ... to r^18.
        double series = 0;
        for (int n = 18; n >= 4; n -= 2) series = 1 - series * square / (n * (n - 1));
        value = 1 - square * 0.5 * series;
    } else {
        // sin r = r - r^3 / 3! + r^5 / 5! - ... to r^19.
        double series = 1;
        for (int n = 19; n >= 5; n -= 2) series = 1 - series * square / (n * (n - 1));
        value = r - r * square / 6 * series;
    }
    return quadrant & 2 ? -value : value;
}

double EXPORT(lab_sin)(double x) { return sine_shifted(x, 0); }

double EXPORT(lab_cos)(double x) { return sine_shifted(x, 1); }

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul

// x = k ln 2 + r in single precision: sets 2^k and returns exp(r) - 1.
INLINE v128_t reduced_expm1(v128_t x, v128_t *power) {
    x = wasm_f32x4_max(wasm_f32x4_min(x, SPLAT(87)), SPLAT(-87));
    v128_t k = wasm_f32x4_nearest(MUL(x, SPLAT(1.44269504f)));
    v128_t r = SUB(SUB(x, MUL(k, SPLAT(0x1.62ep-1f))), MUL(k, SPLAT(0x1.0bfbe8p-15f)));

    // r + r^2 (1 / 2! + r / 3! + ... + r^5 / 7!)
    v128_t series = SPLAT(1.f / 5040);
    series = ADD(MUL(series, r), SPLAT(1.f / 720));
    series = ADD(MUL(series, r), SPLAT(1.f / 120));
    series = ADD(MUL(series, r), SPLAT(1.f / 24));
    series = ADD(MUL(series, r), SPLAT(1.f / 6));
    series = ADD(MUL(series, r), SPLAT(1.f / 2));

    v128_t exponent = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(k), wasm_i32x4_splat(127));
    *power = wasm_i32x4_shl(exponent, 23);
    return ADD(r, MUL(MUL(r, r), series));
}

v128_t lab_exp4(v128_t x) {
    v128_t power;
    v128_t rest = reduced_expm1(x, &power);
    v128_t value = MUL(ADD(rest, SPLAT(1)), power);
    return wasm_v128_andnot(value, wasm_f32x4_lt(x, SPLAT(-87)));
}

v128_t lab_expm1_4(v128_t x) {
    v128_t power;
    v128_t rest = reduced_expm1(x, &power);
    return ADD(MUL(rest, power), SUB(power, SPLAT(1)));
}

v128_t lab_log1p_4(v128_t u) {
    // 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = u / (2 + u), at most 1/3.
    v128_t s = wasm_f32x4_div(u, ADD(u, SPLAT(2)));
    v128_t square = MUL(s, s);
    v128_t series = SPLAT(2.f / 15);
    series = ADD(MUL(series, square), SPLAT(2.f / 13));
    series = ADD(MUL(series, square), SPLAT(2.f / 11));
    series = ADD(MUL(series, square), SPLAT(2.f / 9));
    series = ADD(MUL(series, square), SPLAT(2.f / 7));
    series = ADD(MUL(series, square), SPLAT(2.f / 5));
    series = ADD(MUL(series, square), SPLAT(2.f / 3));
    series = ADD(MUL(series, square), SPLAT(2));
    return MUL(series, s);
}
