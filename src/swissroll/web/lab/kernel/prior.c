// The mixture prior p(z) = sum_k w_k N(z; m_k, diag s_k^2), with weights w = softmax(logits), four components at a time.
#include "kernel.h"

#define LOG_TWO_PI 1.8378770664093453
// A log weight of the components that only pad the vectors.
#define NO_WEIGHT -1e30f

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul

// Of the components, padded: log weights and volumes, weights, and one point's shares.
static float *constants, *weights, *shares;
// 1 / s_k^2, shape (L, padded).
static float *precisions;

INLINE float largest(v128_t x) {
    v128_t folded = wasm_f32x4_max(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
    folded = wasm_f32x4_max(folded, wasm_i32x4_shuffle(folded, folded, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(folded, 0);
}

INLINE float total(v128_t x) {
    return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1)) +
           (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

// What does not depend on z: log w_k - L/2 log(2 pi) - sum_j log s_kj, the weights and the precisions.
static void prepare_components(void) {
    int stride = network.prior_stride;
    if (!constants) {
        constants = allocate(stride * 4);
        weights = allocate(stride * 4);
        shares = allocate(stride * 4);
        precisions = allocate(network.latent_dim * stride * 4);
    }

    const float *logits = parameters + network.prior_logits;
    const float *logvars = parameters + network.prior_logvars;
    double highest = logits[0];
    for (int k = 1; k < network.components; k++) highest = logits[k] > highest ? logits[k] : highest;
    double sum = 0;
    for (int k = 0; k < network.components; k++) sum += lab_exp(logits[k] - highest);
    double log_sum = highest + lab_log(sum);

    for (int k = 0; k < stride; k++) {
        if (k >= network.components) {
            constants[k] = NO_WEIGHT;
            continue;
        }
        double constant = logits[k] - log_sum;
        weights[k] = (float)lab_exp(constant);
        for (int j = 0; j < network.latent_dim; j++) {
            float logvar = logvars[j * stride + k];
            constant -= 0.5 * (logvar + LOG_TWO_PI);
            precisions[j * stride + k] = (float)lab_exp(-logvar);
        }
        constants[k] = (float)constant;
    }
}

// Log density of one latent; leaves each component's share of it in `shares`.
static float point_log_density(const float *z) {
    int stride = network.prior_stride;
    const float *means = parameters + network.prior_means;

    v128_t highest = SPLAT(NO_WEIGHT);
    for (int k = 0; k < stride; k += 4) {
        v128_t joint = wasm_v128_load(constants + k);
        for (int j = 0; j < network.latent_dim; j++) {
            v128_t distance = SUB(SPLAT(z[j]), wasm_v128_load(means + j * stride + k));
            v128_t scaled = MUL(MUL(distance, distance), wasm_v128_load(precisions + j * stride + k));
            joint = SUB(joint, MUL(SPLAT(0.5f), scaled));
        }
        wasm_v128_store(shares + k, joint);
        highest = wasm_f32x4_max(highest, joint);
    }

    float peak = largest(highest);
    v128_t sum = SPLAT(0);
    for (int k = 0; k < stride; k += 4) {
        v128_t share = lab_exp4(SUB(wasm_v128_load(shares + k), SPLAT(peak)));
        wasm_v128_store(shares + k, share);
        sum = ADD(sum, share);
    }

    v128_t normaliser = SPLAT(1 / total(sum));
    for (int k = 0; k < stride; k += 4) wasm_v128_store(shares + k, MUL(wasm_v128_load(shares + k), normaliser));
    return peak + (float)lab_log(total(sum));
}

// Add scale times the gradient of one latent's log density to d_z and to the gradient of the prior.
static void add_point_gradient(const float *z, float scale, float *d_z) {
    int stride = network.prior_stride;
    const float *means = parameters + network.prior_means;
    float *d_logits = gradient + network.prior_logits;
    float *d_means = gradient + network.prior_means;
    float *d_logvars = gradient + network.prior_logvars;
    v128_t factor = SPLAT(scale);

    for (int k = 0; k < stride; k += 4) {
        v128_t excess = SUB(wasm_v128_load(shares + k), wasm_v128_load(weights + k));
        wasm_v128_store(d_logits + k, ADD(wasm_v128_load(d_logits + k), MUL(factor, excess)));
    }

    for (int j = 0; j < network.latent_dim; j++) {
        v128_t pull = SPLAT(0);
        for (int k = 0; k < stride; k += 4) {
            int at = j * stride + k;
            v128_t share = MUL(factor, wasm_v128_load(shares + k));
            v128_t distance = SUB(SPLAT(z[j]), wasm_v128_load(means + at));
            v128_t force = MUL(distance, wasm_v128_load(precisions + at));

            // By m_k: r_k (z - m_k) / s_k^2; by z its negative; by log s_k^2: r_k ((z - m_k)^2 / s_k^2 - 1) / 2.
            v128_t d_mean = MUL(share, force);
            v128_t d_logvar = MUL(MUL(SPLAT(0.5f), share), SUB(MUL(distance, force), SPLAT(1)));
            wasm_v128_store(d_means + at, ADD(wasm_v128_load(d_means + at), d_mean));
            wasm_v128_store(d_logvars + at, ADD(wasm_v128_load(d_logvars + at), d_logvar));
            pull = ADD(pull, d_mean);
        }
        d_z[j] -= total(pull);
    }
}

void mixture_log_density(int count, float *log_density, float scale, float *d_latents) {
    prepare_components();
    if (scale != 0) {
        int prior_parameters = network.decoder_logvar - network.prior_logits;
        for (int i = 0; i < prior_parameters; i++) gradient[network.prior_logits + i] = 0;
    }

    for (int i = 0; i < count; i++) {
        log_density[i] = point_log_density(latents + 4 * i);
        if (scale != 0) add_point_gradient(latents + 4 * i, scale, d_latents + 4 * i);
    }
}
