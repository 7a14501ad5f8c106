// Adam, and the schedules of learning rate and beta.
//
// Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1.
#include "kernel.h"

#define PI 3.141592653589793
#define DECAY 0.9
#define SECOND_DECAY 0.999
#define EPSILON 1e-8f
// The part of a run over which beta moves from beta_start to beta.
#define BETA_SHARE 0.7
// Moments below this are 0: numbers too small for full precision would slow every later step down.
#define LEAST_MOMENT 1e-30f
#define LEAST_SECOND_MOMENT 1e-36f

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul

float *moments_at(void);
float *second_moments_at(void);

static double power(double base, uint32_t exponent) {
    double result = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) result *= base;
        base *= base;
    }
    return result;
}

INLINE v128_t without_tiny(v128_t x, float least) {
    return wasm_v128_and(x, wasm_f32x4_ge(wasm_f32x4_abs(x), SPLAT(least)));
}

// Move the parameters by `gradient`; `step` counts from 1.
void EXPORT(update)(double lr, int step) {
    float *moments = moments_at();
    float *second_moments = second_moments_at();
    v128_t step_size = SPLAT((float)(lr / (1 - power(DECAY, (uint32_t)step))));
    v128_t correction = SPLAT((float)__builtin_sqrt(1 - power(SECOND_DECAY, (uint32_t)step)));
    v128_t fresh = SPLAT((float)(1 - DECAY));
    v128_t second_decay = SPLAT((float)SECOND_DECAY);
    v128_t second_fresh = SPLAT((float)(1 - SECOND_DECAY));

    for (int i = 0; i < network.parameter_count; i += 4) {
        v128_t g = wasm_v128_load(gradient + i);
        v128_t m = wasm_v128_load(moments + i);
        v128_t v = wasm_v128_load(second_moments + i);

        m = without_tiny(ADD(m, MUL(fresh, SUB(g, m))), LEAST_MOMENT);
        v = without_tiny(ADD(MUL(second_decay, v), MUL(second_fresh, MUL(g, g))), LEAST_SECOND_MOMENT);
        v128_t denominator = ADD(wasm_f32x4_div(wasm_f32x4_sqrt(v), correction), SPLAT(EPSILON));
        v128_t change = wasm_f32x4_div(MUL(step_size, m), denominator);

        wasm_v128_store(moments + i, m);
        wasm_v128_store(second_moments + i, v);
        wasm_v128_store(parameters + i, SUB(wasm_v128_load(parameters + i), change));
    }
}

// Learning rate of the step that follows `done` steps.
double EXPORT(scheduled_lr)(double peak, double done, double warmup, double steps, int is_cosine) {
    // Warm-up: the rate rises linearly to its peak.
    double share = (done + 1) / (warmup + 1);
    double lr = share < 1 ? peak * share : peak;

    // Then it falls along half a cosine: (1 + cos(pi share)) / 2.
    if (is_cosine && done > warmup) {
        double left = steps - warmup > 1 ? steps - warmup : 1;
        lr *= 0.5 * (1 + lab_cos(PI * (done - warmup) / left));
    }
    return lr;
}

// Beta of the step that follows `done` steps: beta_start^left beta^(1 - left).
double EXPORT(scheduled_beta)(double beta, double beta_start, double done, double steps) {
    double left = 1 - done / (BETA_SHARE * steps);
    if (left <= 0) return beta;
    return beta * lab_exp(left * lab_log(beta_start / beta));
}
