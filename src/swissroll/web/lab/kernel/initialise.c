// Initial weights, drawn in the order in which PyTorch's layers are made.
#include "kernel.h"

// A learned variance starts at the one that the notebook's loss implies; a mixture's components start narrow.
#define START_VARIANCE 0.005
#define START_LOGVAR -2.f

// U(-1/sqrt(inputs), 1/sqrt(inputs)), as PyTorch's Linear: weights, then bias, of the units first .. first + count - 1.
static void draw_linear(Generator *generator, const Layer *layer, int first, int count) {
    double bound = 1 / __builtin_sqrt(layer->inputs);
    for (int unit = first; unit < first + count; unit++)
        for (int i = 0; i < layer->inputs; i++)
            parameters[layer->weights + i * layer->stride + unit] =
                (float)(bound * (2 * draw_uniform(generator) - 1));
    for (int unit = first; unit < first + count; unit++)
        parameters[layer->bias + unit] = (float)(bound * (2 * draw_uniform(generator) - 1));
}

// N(0, 2 / inputs), biases 0: He et al. (2015), "Delving Deep into Rectifiers", equation 10.
static void draw_he(Generator *generator, const Layer *layer) {
    float std = (float)__builtin_sqrt(2.0 / layer->inputs);
    for (int unit = 0; unit < layer->outputs; unit++) {
        for (int i = 0; i < layer->inputs; i++) {
            parameters[layer->weights + i * layer->stride + unit] = std * (float)draw_normal(generator);
        }
        parameters[layer->bias + unit] = 0;
    }
}

void EXPORT(initialise)(Generator *generator, int is_he) {
    for (int l = 0; l < network.layer_count; l++) {
        const Layer *layer = &network.layers[l];
        if (l == network.depth) {
            // The two heads are layers of their own.
            draw_linear(generator, layer, 0, network.latent_dim);
            draw_linear(generator, layer, network.latent_dim, network.latent_dim);
        } else {
            draw_linear(generator, layer, 0, layer->outputs);
        }
    }

    if (is_he)
        for (int l = 0; l < network.layer_count - 1; l++)
            if (l != network.depth) draw_he(generator, &network.layers[l]);

    for (int k = 0; k < network.components; k++) {
        for (int j = 0; j < network.latent_dim; j++) {
            parameters[network.prior_means + j * network.prior_stride + k] = (float)draw_normal(generator);
            parameters[network.prior_logvars + j * network.prior_stride + k] = START_LOGVAR;
        }
    }
    if (network.learned_variance) parameters[network.decoder_logvar] = (float)lab_log(START_VARIANCE);
}
