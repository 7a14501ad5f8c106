// Randomness: one source for each purpose, all derived from one seed, so that runs that differ in one setting share the
// rest. The n-th number is a hash of the seed and n: a source can be stored and gone on with.
//
// Source: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators" (SplitMix64).
#include "kernel.h"

#define GOLDEN_GAMMA 0x9e3779b97f4a7c15ull
#define TWO_PI 6.283185307179586

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static uint64_t draw_bits(Generator *generator) {
    generator->state += GOLDEN_GAMMA;
    return mix(generator->state);
}

// Begin a source for a seed and a purpose.
void EXPORT(seed_generator)(Generator *generator, uint32_t seed_low, uint32_t seed_high, uint32_t purpose) {
    uint64_t seed = (uint64_t)seed_high << 32 | seed_low;
    generator->state = mix(mix(seed + GOLDEN_GAMMA) + (purpose + 1) * 0xd1342543de82ef95ull);
}

// Uniform on [0, 1), in steps of 2^-53.
double EXPORT(draw_uniform)(Generator *generator) { return (double)(draw_bits(generator) >> 11) * 0x1p-53; }

// Uniform among 0 .. bound - 1.
uint32_t EXPORT(draw_below)(Generator *generator, uint32_t bound) {
    return (uint32_t)(((draw_bits(generator) >> 32) * bound) >> 32);
}

// A draw from N(0, 1).
double EXPORT(draw_normal)(Generator *generator) {
    double radius = __builtin_sqrt(-2 * lab_log(1 - draw_uniform(generator)));
    return radius * lab_cos(TWO_PI * draw_uniform(generator));
}

// Draws from N(0, 1), by Box and Muller (1958): two at a time; the last half pair is left out.
void EXPORT(draw_normals)(Generator *generator, float *out, int count) {
    for (int i = 0; i < count; i += 2) {
        double radius = __builtin_sqrt(-2 * lab_log(1 - draw_uniform(generator)));
        double angle = TWO_PI * draw_uniform(generator);
        out[i] = (float)(radius * lab_cos(angle));
        if (i + 1 < count) out[i + 1] = (float)(radius * lab_sin(angle));
    }
}
