// What the files of the kernel share. WebAssembly's arithmetic is fully specified, so that with functions of our own
// for exp, log, sin and cos a run has the same bits on every machine. No relaxed SIMD, no fused multiply-add.
#pragma once

#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) name
#define INLINE static inline __attribute__((always_inline))

// Most hidden layers in the encoder, and as many in the decoder.
#define MAX_DEPTH 4
// Hidden layers of both, the heads and the output.
#define MAX_LAYERS (2 * MAX_DEPTH + 2)

// Vectors are four numbers long: rows begin at multiples of this.
INLINE int padded(int numbers) { return (numbers + 3) & ~3; }

// Zeros, on a boundary of 16 bytes; never given back.
void *allocate(int bytes);

// exp, log, sin and cos in double precision, to about one unit in the last place. (functions.c)
double lab_exp(double x);
double lab_log(double x);
double lab_sin(double x);
double lab_cos(double x);
// exp of four numbers; 0 below -87. exp(x) - 1 without cancellation. log(1 + u) for u in [0, 1].
v128_t lab_exp4(v128_t x);
v128_t lab_expm1_4(v128_t x);
v128_t lab_log1p_4(v128_t u);

// A source of randomness: 64 bits of state. (generator.c)
typedef struct {
    uint64_t state;
} Generator;

double draw_uniform(Generator *generator);
double draw_normal(Generator *generator);
void draw_normals(Generator *generator, float *out, int count);
uint32_t draw_below(Generator *generator, uint32_t bound);

// C = A B + bias: C of shape (rows, columns), padded with zeros, in rows of c_row floats. (product.c)
// Where columns of B follow each other without a gap, it is padded with zeros itself.
typedef struct {
    const float *data;
    int row;    // floats from one row to the next
    int column; // floats from one column to the next
} Matrix;

void product(int rows, int columns, int inner, Matrix a, Matrix b, float *c, int c_row, const float *bias);
// Sums of each column of a matrix of shape (rows, columns), in rows of `stride` floats.
void sum_columns(int rows, int columns, const float *values, int stride, float *sums);


// Mistakes of the exercise's catalogue that a run may be trained with.
enum {
    NO_MISTAKE,
    SHARED_NOISE,    // one draw for the whole batch
    VARIANCE_AS_STD, // z = mu + exp(logvar) eps
    HALF_MISSING,    // twice the KL
    KL_SIGN,         // minus the KL
    NO_NOISE,        // z = mu
    RELU_ON_HEAD,    // mu = max(0, mu)
    SUM_FOR_MEAN,    // the KL summed over points and dimensions
    NO_TRICK,        // z without a gradient to mu and logvar
};

// A fully connected layer. Weights lie as (inputs, stride), the transpose of PyTorch's, padded with zeros. (network.c)
typedef struct {
    int inputs;
    int outputs;
    int stride;
    int weights; // where they begin among the parameters
    int bias;
} Layer;

typedef struct {
    int data_dim;
    int latent_dim;
    int hidden_dim;
    int depth;
    int activation;
    int components;
    int learned_variance;
    int sum_reduction;
    int rows; // most points at a time
    int mistake;
    int layer_count;
    int prior_stride;  // components, padded
    int prior_logits;  // where these begin among the parameters
    int prior_means;   // shape (latent_dim, prior_stride)
    int prior_logvars; // as the means
    int decoder_logvar;
    int parameter_count;
    int hidden_stride;
    Layer layers[MAX_LAYERS];
} Network;

extern Network network;
extern float *parameters;
extern float *gradient;
extern float *points;          // (rows, 4)
extern float *heads;           // (rows, padded(2 L)): mu, then logvar
extern float *noise;           // (rows, L), without padding
extern float *stds;            // (rows, L), without padding: what multiplies the noise
extern float *latents;         // (rows, 4)
extern float *reconstructions; // (rows, 4)

int heads_stride(void);
void encode(int count);
void draw_latents(int count);
void decode(int count);
// From the gradient of the loss by the reconstructions to that by the latents; then from that by the heads.
void backward_decoder(int count, float *d_reconstructions, float *d_latents);
void backward_encoder(int count, float *d_heads);

// Log density of the mixture prior at each latent, shape (count,). With `scale` not 0 it adds scale times the gradient
// of their sum to d_latents and to the prior's own gradient. (prior.c)
void mixture_log_density(int count, float *log_density, float scale, float *d_latents);
