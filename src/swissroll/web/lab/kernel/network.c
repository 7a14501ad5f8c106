// The network: encoder, the two heads as one layer, decoder; forwards, and backwards from the reconstructions.
//
// All parameters lie in one vector, in this order: encoder, heads, decoder, output, prior, decoder_logvar.
#include "kernel.h"

enum { RELU, LEAKY_RELU, ELU, SILU, SOFTPLUS, TANH };

// Negative slope of PyTorch's LeakyReLU.
#define LEAK 0.01f
// Rows of activations are this much longer than they need be: rows of a power of two would evict each other.
#define ROW_GAP 4

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul

Network network;
float *parameters, *gradient, *points, *heads, *noise, *stds, *latents, *reconstructions;

static float *moments, *second_moments;
// Of each hidden layer: its values, and the slopes of its activation.
static float *values[2 * MAX_DEPTH], *slopes[2 * MAX_DEPTH];
// Gradients by the units of a hidden layer, and by those of the one before.
static float *d_hidden[2];

int heads_stride(void) { return padded(2 * network.latent_dim); }

static float *floats(int count) { return allocate(count * 4); }

static int place_layer(int offset, int inputs, int outputs) {
    Layer *layer = &network.layers[network.layer_count++];
    layer->inputs = inputs;
    layer->outputs = outputs;
    layer->stride = padded(outputs);
    layer->weights = offset;
    layer->bias = offset + inputs * layer->stride;
    return layer->bias + layer->stride;
}

static int place_hidden_layers(int offset, int inputs) {
    for (int i = 0; i < network.depth; i++) {
        offset = place_layer(offset, inputs, network.hidden_dim);
        inputs = network.hidden_dim;
    }
    return offset;
}

// Make the network of an instance, once; its weights are zeros. Returns the address of its description.
Network *EXPORT(make_network)(int data_dim, int latent_dim, int hidden_dim, int depth, int activation, int components,
                              int learned_variance, int sum_reduction, int rows, int mistake) {
    network.data_dim = data_dim;
    network.latent_dim = latent_dim;
    network.hidden_dim = hidden_dim;
    network.depth = depth;
    network.activation = activation;
    network.components = components;
    network.learned_variance = learned_variance;
    network.sum_reduction = sum_reduction;
    network.rows = rows;
    network.mistake = mistake;
    network.hidden_stride = padded(hidden_dim) + ROW_GAP;

    int offset = place_hidden_layers(0, data_dim);
    offset = place_layer(offset, depth ? hidden_dim : data_dim, 2 * latent_dim);
    offset = place_hidden_layers(offset, latent_dim);
    offset = place_layer(offset, depth ? hidden_dim : latent_dim, data_dim);

    network.prior_stride = padded(components);
    network.prior_logits = offset;
    network.prior_means = network.prior_logits + network.prior_stride;
    network.prior_logvars = network.prior_means + latent_dim * network.prior_stride;
    network.decoder_logvar = network.prior_logvars + latent_dim * network.prior_stride;
    network.parameter_count = network.decoder_logvar + (learned_variance ? 4 : 0);

    parameters = floats(network.parameter_count);
    gradient = floats(network.parameter_count);
    moments = floats(network.parameter_count);
    second_moments = floats(network.parameter_count);
    points = floats(rows * 4);
    heads = floats(rows * heads_stride());
    noise = floats(rows * latent_dim + 4);
    stds = floats(rows * latent_dim);
    latents = floats(rows * 4);
    reconstructions = floats(rows * 4);
    for (int i = 0; i < 2 * depth; i++) {
        values[i] = floats(rows * network.hidden_stride);
        slopes[i] = activation == RELU ? 0 : floats(rows * network.hidden_stride);
    }
    d_hidden[0] = floats(rows * network.hidden_stride);
    d_hidden[1] = floats(rows * network.hidden_stride);
    return &network;
}

float *EXPORT(parameters_at)(void) { return parameters; }
float *EXPORT(gradient_at)(void) { return gradient; }
float *EXPORT(moments_at)(void) { return moments; }
float *EXPORT(second_moments_at)(void) { return second_moments; }
float *EXPORT(points_at)(void) { return points; }
float *EXPORT(heads_at)(void) { return heads; }
float *EXPORT(noise_at)(void) { return noise; }
float *EXPORT(latents_at)(void) { return latents; }
float *EXPORT(reconstructions_at)(void) { return reconstructions; }

static void run_layer(const Layer *layer, int count, const float *in, int in_row, float *out, int out_row) {
    Matrix inputs = {in, in_row, 1};
    Matrix weights = {parameters + layer->weights, layer->stride, 1};
    product(count, layer->stride, layer->inputs, inputs, weights, out, out_row, parameters + layer->bias);
}

// The gradients of a layer's weights and bias, and those by its inputs where d_in is not 0.
static void run_layer_backward(const Layer *layer, int count, const float *in, int in_row, const float *d_out,
                               int d_out_row, float *d_in, int d_in_row) {
    Matrix inputs_transposed = {in, 1, in_row};
    Matrix d_outputs = {d_out, d_out_row, 1};
    product(layer->inputs, layer->stride, count, inputs_transposed, d_outputs, gradient + layer->weights,
            layer->stride, 0);
    sum_columns(count, layer->stride, d_out, d_out_row, gradient + layer->bias);

    if (!d_in) return;
    Matrix weights_transposed = {parameters + layer->weights, 1, layer->stride};
    product(count, layer->inputs, layer->outputs, d_outputs, weights_transposed, d_in, d_in_row, 0);
}

// Value and slope of an activation.
INLINE v128_t activated(const int activation, v128_t x, v128_t *slope) {
    v128_t zero = SPLAT(0);
    v128_t one = SPLAT(1);
    v128_t is_positive = wasm_f32x4_gt(x, zero);
    v128_t value, rest;

    switch (activation) {
        case LEAKY_RELU:
            *slope = wasm_v128_bitselect(one, SPLAT(LEAK), is_positive);
            return MUL(x, *slope);
        case ELU:
            rest = lab_expm1_4(x);
            *slope = wasm_v128_bitselect(one, ADD(rest, one), is_positive);
            return wasm_v128_bitselect(x, rest, is_positive);
        case SILU:
            // x s(x), with slope s (1 + x (1 - s)).
            rest = wasm_f32x4_div(one, ADD(one, lab_exp4(wasm_f32x4_neg(x))));
            *slope = MUL(rest, ADD(one, MUL(x, SUB(one, rest))));
            return MUL(x, rest);
        case SOFTPLUS:
            // max(x, 0) + log(1 + exp(-|x|)), with slope 1 / (1 + exp(-x)).
            rest = lab_exp4(wasm_f32x4_neg(wasm_f32x4_abs(x)));
            value = wasm_f32x4_div(wasm_v128_bitselect(one, rest, is_positive), ADD(one, rest));
            *slope = value;
            return ADD(wasm_f32x4_max(x, zero), lab_log1p_4(rest));
        default:
            // TANH: with e = exp(2 x) - 1, e / (e + 2); slope 1 - value^2.
            rest = lab_expm1_4(ADD(x, x));
            value = wasm_f32x4_div(rest, ADD(rest, SPLAT(2)));
            *slope = SUB(one, MUL(value, value));
            return value;
    }
}

INLINE void activate_all(const int activation, int count, float *value, float *slope) {
    for (int i = 0; i < count; i++) {
        float *row = value + i * network.hidden_stride;
        float *row_slope = slope + i * network.hidden_stride;
        for (int j = 0; j < padded(network.hidden_dim); j += 4) {
            v128_t x_slope;
            v128_t x_value = activated(activation, wasm_v128_load(row + j), &x_slope);
            wasm_v128_store(row + j, x_value);
            wasm_v128_store(row_slope + j, x_slope);
        }
    }
}

static void rectify(int count, float *value) {
    for (int i = 0; i < count; i++) {
        float *row = value + i * network.hidden_stride;
        for (int j = 0; j < padded(network.hidden_dim); j += 4) {
            // Not a plain maximum, so that what is no number stays none.
            v128_t x = wasm_v128_load(row + j);
            wasm_v128_store(row + j, wasm_v128_andnot(x, wasm_f32x4_lt(x, SPLAT(0))));
        }
    }
}

static void activate(int count, float *value, float *slope) {
    switch (network.activation) {
        case RELU:
            rectify(count, value);
            return;
        case LEAKY_RELU:
            activate_all(LEAKY_RELU, count, value, slope);
            return;
        case ELU:
            activate_all(ELU, count, value, slope);
            return;
        case SILU:
            activate_all(SILU, count, value, slope);
            return;
        case SOFTPLUS:
            activate_all(SOFTPLUS, count, value, slope);
            return;
        default:
            activate_all(TANH, count, value, slope);
    }
}

// Multiply the gradient by a hidden layer's values by the slopes of its activation.
static void activate_backward(int count, int hidden, float *d_value) {
    for (int i = 0; i < count; i++) {
        int start = i * network.hidden_stride;
        for (int j = start; j < start + padded(network.hidden_dim); j += 4) {
            v128_t d = wasm_v128_load(d_value + j);
            if (network.activation == RELU)
                d = wasm_v128_and(d, wasm_f32x4_gt(wasm_v128_load(values[hidden] + j), SPLAT(0)));
            else
                d = MUL(d, wasm_v128_load(slopes[hidden] + j));
            wasm_v128_store(d_value + j, d);
        }
    }
}

// Run the hidden layers from `first` on and the one after them, from `in` to `out`.
static void run_layers(int first, int first_hidden, int count, const float *in, float *out, int out_row) {
    int in_row = 4;
    for (int i = 0; i < network.depth; i++) {
        float *value = values[first_hidden + i];
        run_layer(&network.layers[first + i], count, in, in_row, value, network.hidden_stride);
        activate(count, value, slopes[first_hidden + i]);
        in = value;
        in_row = network.hidden_stride;
    }
    run_layer(&network.layers[first + network.depth], count, in, in_row, out, out_row);
}

// The way back of run_layers; d_in may be 0.
static void run_layers_backward(int first, int first_hidden, int count, const float *in, const float *d_out,
                                int d_out_row, float *d_in) {
    for (int i = network.depth; i >= 0; i--) {
        const float *layer_in = i ? values[first_hidden + i - 1] : in;
        int in_row = i ? network.hidden_stride : 4;
        float *d_layer_in = i ? d_hidden[i & 1] : d_in;
        run_layer_backward(&network.layers[first + i], count, layer_in, in_row, d_out, d_out_row, d_layer_in, in_row);
        if (!i) return;

        activate_backward(count, first_hidden + i - 1, d_layer_in);
        d_out = d_layer_in;
        d_out_row = network.hidden_stride;
    }
}

// From `points` to `heads`.
void EXPORT(encode)(int count) {
    run_layers(0, 0, count, points, heads, heads_stride());
    if (network.mistake != RELU_ON_HEAD) return;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < network.latent_dim; j++) {
            float *mu = heads + i * heads_stride() + j;
            if (*mu < 0) *mu = 0;
        }
}

// From `latents` to `reconstructions`.
void EXPORT(decode)(int count) {
    run_layers(network.depth + 1, network.depth, count, latents, reconstructions, 4);
}

void backward_decoder(int count, float *d_reconstructions, float *d_latents) {
    run_layers_backward(network.depth + 1, network.depth, count, latents, d_reconstructions, 4, d_latents);
}

void backward_encoder(int count, float *d_heads) {
    if (network.mistake == RELU_ON_HEAD)
        for (int i = 0; i < count; i++)
            for (int j = 0; j < network.latent_dim; j++)
                if (heads[i * heads_stride() + j] == 0) d_heads[i * heads_stride() + j] = 0;
    run_layers_backward(0, 0, count, points, d_heads, heads_stride(), 0);
}
