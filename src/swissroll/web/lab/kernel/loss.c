// The loss of a batch, its gradient, and the step of Adam.
//
//     mean:  |x - x'|^2 / D + beta R / L        sum:  |x - x'|^2 + beta R
// averaged over points; where the decoder's variance is learned, the distortion takes the place of the squared error.
#include "kernel.h"

#define LOG_TWO_PI 1.8378770664093453

// What a step reports, in this order.
enum { LOSS, ERROR, KL, DECODER_LOGVAR, TERM_COUNT };
// What of a step was not finite.
enum { ALL_FINITE, RECONSTRUCTION_TERM, KL_TERM, LOSS_TERM, GRADIENT_TERM };

static double terms[TERM_COUNT];
static float *log_densities, *d_latents, *d_reconstructions, *d_heads;

double *EXPORT(terms_at)(void) { return terms; }
// Gradients by the latents (rows of four), the reconstructions (rows of four) and the heads.
float *EXPORT(d_latents_at)(void) { return d_latents; }
float *EXPORT(d_reconstructions_at)(void) { return d_reconstructions; }
float *EXPORT(d_heads_at)(void) { return d_heads; }

static int is_finite(double x) { return x - x == 0; }

static void make_buffers(void) {
    if (d_heads) return;
    log_densities = allocate(network.rows * 4);
    d_latents = allocate(network.rows * 16);
    d_reconstructions = allocate(network.rows * 16);
    d_heads = allocate(network.rows * heads_stride() * 4);
}

// z = mu + exp(logvar / 2) eps.
void EXPORT(draw_latents)(int count) {
    int dims = network.latent_dim;
    for (int i = 0; i < count; i++) {
        const float *mu = heads + i * heads_stride();
        const float *logvar = mu + dims;
        for (int j = 0; j < dims; j++) {
            float std = (float)lab_exp((network.mistake == VARIANCE_AS_STD ? 1 : 0.5) * logvar[j]);
            if (network.mistake == NO_NOISE) std = 0;
            if (network.mistake == SHARED_NOISE) noise[i * dims + j] = noise[j];
            stds[i * dims + j] = std;
            latents[4 * i + j] = mu[j] + noise[i * dims + j] * std;
        }
    }
}

// Squared error averaged over points and dimensions.
static double mean_squared_error(int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        for (int d = 0; d < network.data_dim; d++) {
            float difference = reconstructions[4 * i + d] - points[4 * i + d];
            sum += difference * difference;
        }
    }
    return sum / ((double)count * network.data_dim);
}

// KL of q(z|x) from N(0, I), averaged over points and latent dimensions.
static double closed_form_kl(int count) {
    int dims = network.latent_dim;
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const float *mu = heads + i * heads_stride();
        const float *logvar = mu + dims;
        for (int j = 0; j < dims; j++) {
            float variance = (float)lab_exp(logvar[j]);
            float square = mu[j] * mu[j];
            sum += (double)variance + square - 1 - logvar[j];
        }
    }
    return 0.5 * sum / ((double)count * dims);
}

// E_q log q(z|x) - log p(z), by the one draw of each point, averaged as above.
static double drawn_kl(int count) {
    int dims = network.latent_dim;
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const float *mu = heads + i * heads_stride();
        const float *logvar = mu + dims;
        double log_q = 0;
        for (int j = 0; j < dims; j++) {
            float distance = latents[4 * i + j] - mu[j];
            float scaled = distance * distance * (float)lab_exp(-logvar[j]);
            log_q -= 0.5 * (scaled + logvar[j] + LOG_TWO_PI);
        }
        sum += log_q - log_densities[i];
    }
    return sum / ((double)count * dims);
}

// Weight of the mean KL in the loss.
static double weigh_kl(int count, double beta) {
    double weight = beta * (network.sum_reduction ? network.latent_dim : 1);
    if (network.mistake == HALF_MISSING) return 2 * weight;
    if (network.mistake == KL_SIGN) return -weight;
    if (network.mistake == SUM_FOR_MEAN) return beta * count * network.latent_dim;
    return weight;
}

// Combine the terms as the loss does; also the weights of the gradients of its two terms.
static void combine_terms(int count, double error, double kl, double beta, double *error_weight, double *kl_weight) {
    double scale = network.sum_reduction ? network.data_dim : 1;
    *kl_weight = weigh_kl(count, beta);
    *error_weight = scale;
    double first = error;
    double logvar = 0;

    if (network.learned_variance) {
        // (error / sigma^2 + log sigma^2 + log 2 pi) / 2
        logvar = parameters[network.decoder_logvar];
        double precision = (float)lab_exp(-logvar);
        first = 0.5 * (error * precision + logvar + LOG_TWO_PI);
        *error_weight = scale * 0.5 * precision;
        gradient[network.decoder_logvar] = (float)(scale * 0.5 * (1 - error * precision));
    }

    terms[ERROR] = error;
    terms[KL] = kl;
    terms[DECODER_LOGVAR] = logvar;
    terms[LOSS] = (float)(scale * first + *kl_weight * kl);
}

// Run `count` points through encoder, draw and decoder, and leave the terms of their loss.
static void run_forward(int count, double beta, double *error_weight, double *kl_weight) {
    make_buffers();
    encode(count);
    draw_latents(count);
    decode(count);
    if (network.components) mixture_log_density(count, log_densities, 0, 0);
    double kl = network.components ? drawn_kl(count) : closed_form_kl(count);
    combine_terms(count, mean_squared_error(count), kl, beta, error_weight, kl_weight);
}

void EXPORT(measure)(int count, double beta) {
    double error_weight, kl_weight;
    run_forward(count, beta, &error_weight, &kl_weight);
}

// By the reconstructions: 2 (x' - x) / (B D).
static void set_reconstruction_gradient(int count, double weight) {
    float factor = (float)(2 * weight / ((double)count * network.data_dim));
    for (int i = 0; i < 4 * count; i++) {
        int is_padding = (i & 3) >= network.data_dim;
        d_reconstructions[i] = is_padding ? 0 : factor * (reconstructions[i] - points[i]);
    }
}

// By the heads: through the draw, dz/dmu = 1 and dz/dlogvar = eps std / 2; and by the KL.
static void set_heads_gradient(int count, double kl_weight) {
    int dims = network.latent_dim;
    float factor = (float)(kl_weight / ((double)count * dims));
    float by_logvar = network.mistake == VARIANCE_AS_STD ? 1 : 0.5f;
    for (int i = 0; i < count; i++) {
        const float *mu = heads + i * heads_stride();
        float *d_mu = d_heads + i * heads_stride();
        for (int j = 0; j < dims; j++) {
            float std = stds[i * dims + j];
            float eps = noise[i * dims + j];
            float through_draw = network.mistake == NO_TRICK ? 0 : d_latents[4 * i + j];
            float d_logvar = through_draw * eps * std * by_logvar;
            if (network.components && network.mistake == NO_TRICK) {
                // log q at a z that stays where it is.
                d_mu[j] = factor * eps / std;
                d_mu[dims + j] = 0.5f * factor * (eps * eps - 1);
            } else if (network.components) {
                // Of log q only the normaliser -logvar / 2 depends on the heads: (z - mu)^2 / var is eps^2.
                float mistaken = network.mistake == VARIANCE_AS_STD ? std * eps * eps : 0;
                d_mu[j] = through_draw;
                d_mu[dims + j] = d_logvar - 0.5f * factor * (1 + mistaken);
            } else {
                d_mu[j] = through_draw + factor * mu[j];
                d_mu[dims + j] = d_logvar + factor * 0.5f * ((float)lab_exp(mu[dims + j]) - 1);
            }
        }
    }
}

// The terms of the loss of `count` points with `noise`, and its gradient.
void EXPORT(compute_gradient)(int count, double beta) {
    double error_weight, kl_weight;
    run_forward(count, beta, &error_weight, &kl_weight);

    set_reconstruction_gradient(count, error_weight);
    backward_decoder(count, d_reconstructions, d_latents);
    if (network.components) {
        float scale = (float)(-kl_weight / ((double)count * network.latent_dim));
        mixture_log_density(count, log_densities, scale, d_latents);
    }
    set_heads_gradient(count, kl_weight);
    backward_encoder(count, d_heads);
}

// Which term of the last compute_gradient was not finite.
int EXPORT(find_bad_term)(void) {
    if (!is_finite(terms[ERROR])) return RECONSTRUCTION_TERM;
    if (!is_finite(terms[KL])) return KL_TERM;
    if (!is_finite(terms[LOSS])) return LOSS_TERM;

    // x - x is 0, or no number where x is not finite.
    v128_t sum = wasm_f32x4_splat(0);
    for (int i = 0; i < network.parameter_count; i += 4) {
        v128_t g = wasm_v128_load(gradient + i);
        sum = wasm_f32x4_add(sum, wasm_f32x4_sub(g, g));
    }
    sum = wasm_f32x4_eq(sum, sum);
    return wasm_i32x4_all_true(sum) ? ALL_FINITE : GRADIENT_TERM;
}
