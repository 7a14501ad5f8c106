// Memory that is asked for once, when a network is made, and never given back.
#include "kernel.h"

#define PAGE_BYTES 65536

extern unsigned char __heap_base;

static uintptr_t next_free = 0;

// Zeros, on a boundary of 16 bytes; 0 where the machine has no more.
void *EXPORT(allocate)(int bytes) {
    if (!next_free) next_free = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uintptr_t start = next_free;
    uintptr_t end = start + (((uintptr_t)bytes + 15) & ~(uintptr_t)15);

    uintptr_t there = __builtin_wasm_memory_size(0) * (uintptr_t)PAGE_BYTES;
    if (end > there) {
        uintptr_t pages = (end - there + PAGE_BYTES - 1) / PAGE_BYTES;
        if (__builtin_wasm_memory_grow(0, pages) == (__SIZE_TYPE__)-1) return 0;
    }
    next_free = end;
    return (void *)start;
}

// Room for floats that are read before the next call.
float *EXPORT(scratch_floats)(int count) {
    static float *scratch;
    static int there;
    if (count > there) {
        scratch = allocate(count * 4);
        there = scratch ? count : 0;
    }
    return scratch;
}
