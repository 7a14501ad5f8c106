// The loops behind the exact truth: p(x, z) summed over grids of latents, and fits of mixtures.
//
// Cells of a grid lie as one array for each coordinate, `stride` floats long, so that a vector holds four cells. With
// two latent dimensions it holds a family: the four children of a cell, one at each corner. With one it holds two
// families of two. So what is summed lane by lane is the sum of each of the interleaved grids.
#include "kernel.h"

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul
#define MAX wasm_f32x4_max

// Nats below the highest density so far at which a block of cells adds nothing.
#define NOTHING 30.f
// Cells of a block.
#define BLOCK 256
// Log density of a component that matters to a cell, below the highest there.
#define COMPONENT_MATTERS 12.f

INLINE float larger(float a, float b) { return a > b ? a : b; }

INLINE float largest(v128_t x) {
    float a = larger(wasm_f32x4_extract_lane(x, 0), wasm_f32x4_extract_lane(x, 1));
    float b = larger(wasm_f32x4_extract_lane(x, 2), wasm_f32x4_extract_lane(x, 3));
    return larger(a, b);
}

INLINE float total(v128_t x) {
    return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1)) +
           (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

// Decoded means, shape (D, stride), of the cells first .. first + count - 1 of z, shape (L, stride).
void EXPORT(decode_cells)(const float *z, float *means, int stride, int first, int count) {
    for (int j = 0; j < network.latent_dim; j++)
        for (int i = 0; i < count; i++) latents[4 * i + j] = z[j * stride + first + i];
    decode(count);
    for (int d = 0; d < network.data_dim; d++)
        for (int i = 0; i < count; i++) means[d * stride + first + i] = reconstructions[4 * i + d];
}

// Log density of a mixture of Gaussians at each cell: the highest that any point within `reach` of the cell's middle
// has of each component, summed over components. `components` holds of each, padded to four with log weights of -1e30:
// log weights and volumes, then L rows of means, then L rows of 1 / std. Where `is_wide` is not 0, it says of each cell
// whether it is wider than 1.5 std of a component that matters there.
void EXPORT(mixture_cells)(const float *components, int padded_count, int latent_dim, const float *z, int stride,
                           int first, int count, const float *reach, float *log_density, uint32_t *is_wide) {
    const float *centres = components + padded_count;
    const float *inverse_stds = centres + latent_dim * padded_count;
    static float joint[512] __attribute__((aligned(16)));

    for (int i = first; i < first + count; i++) {
        v128_t highest = SPLAT(-1e30f);
        for (int k = 0; k < padded_count; k += 4) {
            v128_t value = wasm_v128_load(components + k);
            for (int j = 0; j < latent_dim; j++) {
                v128_t away = wasm_f32x4_abs(SUB(SPLAT(z[j * stride + i]), wasm_v128_load(centres + j * padded_count + k)));
                away = MAX(SUB(away, SPLAT(reach[j])), SPLAT(0));
                v128_t scaled = MUL(away, wasm_v128_load(inverse_stds + j * padded_count + k));
                value = SUB(value, MUL(SPLAT(0.5f), MUL(scaled, scaled)));
            }
            wasm_v128_store(joint + k, value);
            highest = MAX(highest, value);
        }

        float peak = largest(highest);
        v128_t sum = SPLAT(0);
        for (int k = 0; k < padded_count; k += 4)
            sum = ADD(sum, lab_exp4(SUB(wasm_v128_load(joint + k), SPLAT(peak))));
        log_density[i] = peak + (float)lab_log(total(sum));
        if (!is_wide) continue;

        uint32_t found = 0;
        for (int k = 0; k < padded_count; k++) {
            if (joint[k] <= log_density[i] - COMPONENT_MATTERS) continue;
            for (int j = 0; j < latent_dim; j++)
                if (2 * reach[j] * inverse_stds[j * padded_count + k] > 1.5f) found = ~0u;
        }
        is_wide[i] = found;
    }
}

// How far the decoder may move within a cell: twice its farthest sibling from the mean of the siblings. Where this is
// above two sigma, the cell is too wide to trust its middle.
void EXPORT(measure_spread)(const float *means, int data_dim, int stride, int count, int kinds, float two_sigma,
                            float *radius, uint32_t *is_wide) {
    for (int i = 0; i < count; i += kinds) {
        float farthest = 0;
        for (int c = i; c < i + kinds; c++) {
            float square = 0;
            for (int d = 0; d < data_dim; d++) {
                float middle = 0;
                for (int s = i; s < i + kinds; s++) middle += means[d * stride + s];
                float away = means[d * stride + c] - middle / kinds;
                square += away * away;
            }
            farthest = larger(farthest, square);
        }
        float reach = 2 * __builtin_sqrtf(farthest);
        for (int c = i; c < i + kinds; c++) {
            radius[c] = reach;
            if (reach > two_sigma) is_wide[c] = ~0u;
        }
    }
}

INLINE v128_t square_distance(const float *x, const float *means, int data_dim, int stride, int i) {
    v128_t away = SUB(wasm_v128_load(means + i), SPLAT(x[0]));
    v128_t square = MUL(away, away);
    for (int d = 1; d < data_dim; d++) {
        away = SUB(wasm_v128_load(means + d * stride + i), SPLAT(x[d]));
        square = ADD(square, MUL(away, away));
    }
    return square;
}

// log p(z) - |x - mean|^2 scale of the cells first .. first + count - 1 for one point.
void EXPORT(joint_cells)(const float *x, int data_dim, const float *means, const float *log_prior, int stride, int first,
                         int count, float scale, float *out) {
    for (int i = first; i < first + count; i += 4) {
        v128_t square = square_distance(x, means, data_dim, stride, i);
        wasm_v128_store(out + i, SUB(wasm_v128_load(log_prior + i), MUL(square, SPLAT(scale))));
    }
}

// Add exp(log p(z) - |x - mean|^2 scale) of the cells first .. first + count - 1 to the sums, shape (rows, 4), of each
// point of shape (rows, 4), one for each lane. A sum is to be multiplied by exp(highest), the highest log density of
// the point so far, which is at cell `mode`.
void EXPORT(sum_cells)(const float *x, int rows, int data_dim, const float *means, const float *log_prior, int stride,
                       int first, int count, float scale, double *sums, float *highest, int *mode) {
    static float joint[BLOCK] __attribute__((aligned(16)));
    for (int start = first; start < first + count; start += BLOCK) {
        int size = first + count - start < BLOCK ? first + count - start : BLOCK;
        for (int row = 0; row < rows; row++) {
            v128_t peaks = SPLAT(-1e30f);
            for (int i = 0; i < size; i += 4) {
                v128_t square = square_distance(x + 4 * row, means, data_dim, stride, start + i);
                v128_t value = SUB(wasm_v128_load(log_prior + start + i), MUL(square, SPLAT(scale)));
                wasm_v128_store(joint + i, value);
                peaks = MAX(peaks, value);
            }

            float peak = largest(peaks);
            double *sum = sums + 4 * row;
            if (peak <= highest[row] - NOTHING) continue;
            if (peak > highest[row]) {
                double shrink = lab_exp((double)highest[row] - peak);
                for (int lane = 0; lane < 4; lane++) sum[lane] *= shrink;
                highest[row] = peak;
                for (int i = 0; i < size; i++)
                    if (joint[i] == peak) mode[row] = start + i;
            }

            v128_t part = SPLAT(0);
            for (int i = 0; i < size; i += 4)
                part = ADD(part, lab_exp4(SUB(wasm_v128_load(joint + i), SPLAT(highest[row]))));
            sum[0] += wasm_f32x4_extract_lane(part, 0);
            sum[1] += wasm_f32x4_extract_lane(part, 1);
            sum[2] += wasm_f32x4_extract_lane(part, 2);
            sum[3] += wasm_f32x4_extract_lane(part, 3);
        }
    }
}

// Upper bound of log p(x, z) over cells: the highest log p(z) there, less (|x - mean| - radius)^2 scale.
INLINE v128_t upper_bound(const float *x, int data_dim, const float *means, const float *ceiling, const float *radius,
                          int stride, int i, float scale) {
    v128_t distance = wasm_f32x4_sqrt(square_distance(x, means, data_dim, stride, i));
    distance = MAX(SUB(distance, wasm_v128_load(radius + i)), SPLAT(0));
    return SUB(wasm_v128_load(ceiling + i), MUL(MUL(distance, distance), SPLAT(scale)));
}

// Whether a cell that is marked may hold more than `threshold` of log p(x, z) of one point.
int EXPORT(reaches_marked)(const float *x, int data_dim, const float *means, const float *ceiling, const float *radius,
                           int stride, int count, float scale, float threshold, const uint32_t *marked) {
    for (int i = 0; i < count; i += 4) {
        v128_t mask = wasm_v128_load(marked + i);
        if (!wasm_v128_any_true(mask)) continue;
        v128_t upper = upper_bound(x, data_dim, means, ceiling, radius, stride, i, scale);
        if (wasm_v128_any_true(wasm_v128_and(mask, wasm_f32x4_gt(upper, SPLAT(threshold))))) return 1;
    }
    return 0;
}

// Mark the cells that may hold more than `threshold` of log p(x, z) of one point.
void EXPORT(mark_cells)(const float *x, int data_dim, const float *means, const float *ceiling, const float *radius,
                        int stride, int count, float scale, float threshold, uint32_t *marked) {
    for (int i = 0; i < count; i += 4) {
        v128_t upper = upper_bound(x, data_dim, means, ceiling, radius, stride, i, scale);
        v128_t mask = wasm_f32x4_gt(upper, SPLAT(threshold));
        wasm_v128_store(marked + i, wasm_v128_or(wasm_v128_load(marked + i), mask));
    }
}

// Sum of exp(upper bound of log p(x, z) - log_sum) over the marked cells, of one point.
double EXPORT(sum_marked)(const float *x, int data_dim, const float *means, const float *ceiling, const float *radius,
                          int stride, int count, float scale, float log_sum, const uint32_t *marked) {
    v128_t sum = SPLAT(0);
    for (int i = 0; i < count; i += 4) {
        v128_t mask = wasm_v128_load(marked + i);
        if (!wasm_v128_any_true(mask)) continue;
        v128_t upper = upper_bound(x, data_dim, means, ceiling, radius, stride, i, scale);
        sum = ADD(sum, wasm_v128_and(mask, lab_exp4(SUB(upper, SPLAT(log_sum)))));
    }
    return total(sum);
}

// For each of n points of weight mass_i, and K atoms: density_i = sum_j weight_j exp(-|x_i - m_j|^2 scale), and of each
// atom the sums over i of share_ij and share_ij x_i, with share_ij = mass_i exp(...) / density_i; shape (K, 1 + D).
// Where `given` is not 0, it has the densities. x of shape (D, n), n a multiple of four; masses of 0 pad it.
void EXPORT(explain_points)(int n, int data_dim, const float *x, const float *mass, int atoms, const float *means,
                            const float *weights, float scale, int given, float *density, float *kernel, double *sums) {
    if (!given)
        for (int i = 0; i < n; i++) density[i] = 0;

    for (int j = 0; j < atoms; j++) {
        const float *m = means + 4 * j;
        for (int i = 0; i < n; i += 4) {
            v128_t value = lab_exp4(MUL(square_distance(m, x, data_dim, n, i), SPLAT(-scale)));
            wasm_v128_store(kernel + j * n + i, value);
            if (!given) wasm_v128_store(density + i, ADD(wasm_v128_load(density + i), MUL(value, SPLAT(weights[j]))));
        }
    }

    for (int j = 0; j < atoms; j++) {
        v128_t parts[4] = {SPLAT(0), SPLAT(0), SPLAT(0), SPLAT(0)};
        for (int i = 0; i < n; i += 4) {
            v128_t inverse = wasm_f32x4_div(wasm_v128_load(mass + i), MAX(wasm_v128_load(density + i), SPLAT(1e-35f)));
            v128_t share = MUL(wasm_v128_load(kernel + j * n + i), inverse);
            parts[0] = ADD(parts[0], share);
            for (int d = 0; d < data_dim; d++) parts[1 + d] = ADD(parts[1 + d], MUL(share, wasm_v128_load(x + d * n + i)));
        }
        for (int d = 0; d <= data_dim; d++) sums[j * (1 + data_dim) + d] = total(parts[d]);
    }
}

// One round of expectation maximisation, its first half: of each component the sums over n latents, of shape (n, L), of
// its share, share z and share z^2, shape (K, 1 + 2 L); returns the mean log density. `components` holds of each: log
// weight less log volume, L means, L precisions.
double EXPORT(share_latents)(int n, int latent_dim, const double *z, int count, const double *components, double *joint,
                             double *sums) {
    int size = 1 + 2 * latent_dim;
    for (int i = 0; i < count * size; i++) sums[i] = 0;

    double reached = 0;
    for (int i = 0; i < n; i++) {
        const double *latent = z + i * latent_dim;
        double highest = -1e300;
        for (int k = 0; k < count; k++) {
            const double *component = components + k * size;
            double value = component[0];
            for (int j = 0; j < latent_dim; j++) {
                double away = latent[j] - component[1 + j];
                value -= 0.5 * away * away * component[1 + latent_dim + j];
            }
            joint[k] = value;
            highest = value > highest ? value : highest;
        }

        double sum = 0;
        for (int k = 0; k < count; k++) {
            joint[k] = joint[k] < highest - 40 ? 0 : lab_exp(joint[k] - highest);
            sum += joint[k];
        }
        reached += (highest + lab_log(sum)) / n;

        for (int k = 0; k < count; k++) {
            if (joint[k] == 0) continue;
            double share = joint[k] / sum;
            double *to = sums + k * size;
            to[0] += share;
            for (int j = 0; j < latent_dim; j++) {
                to[1 + j] += share * latent[j];
                to[1 + latent_dim + j] += share * latent[j] * latent[j];
            }
        }
    }
    return reached;
}
