// Products of matrices, in blocks of registers: 4 rows by 8 columns, or 8 rows by 4.
#include "kernel.h"

// Longest inner dimension: units of a layer, or points at a time.
#define MAX_INNER 4096

// Eight columns of B, one after the other, so that a block reads them in order.
static float panel[MAX_INNER * 8] __attribute__((aligned(16)));

// One block: `rows` by `vectors` times four columns of C, from the packed columns of B.
INLINE void multiply_block(const int rows, const int vectors, int inner, const float *a, int a_row, int a_column,
                           float *c, int c_row, const float *bias) {
    v128_t sums[8][2];
    for (int v = 0; v < vectors; v++) {
        v128_t start = bias ? wasm_v128_load(bias + 4 * v) : wasm_f32x4_splat(0);
        for (int i = 0; i < rows; i++) sums[i][v] = start;
    }

    const float *b = panel;
    for (int k = 0; k < inner; k++) {
        v128_t columns[2];
        for (int v = 0; v < vectors; v++) columns[v] = wasm_v128_load(b + 4 * v);
        for (int i = 0; i < rows; i++) {
            v128_t factor = wasm_v128_load32_splat(a + i * a_row);
            for (int v = 0; v < vectors; v++)
                sums[i][v] = wasm_f32x4_add(sums[i][v], wasm_f32x4_mul(factor, columns[v]));
        }
        a += a_column;
        b += 4 * vectors;
    }

    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) wasm_v128_store(c + i * c_row + 4 * v, sums[i][v]);
}

INLINE void multiply_rows(const int most_rows, const int vectors, int rows, int inner, Matrix a, float *c, int c_row,
                          const float *bias) {
    int row = 0;
    for (; row + most_rows <= rows; row += most_rows)
        multiply_block(most_rows, vectors, inner, a.data + row * a.row, a.row, a.column, c + row * c_row, c_row, bias);
    for (; row < rows; row++)
        multiply_block(1, vectors, inner, a.data + row * a.row, a.row, a.column, c + row * c_row, c_row, bias);
}

// Of `columns` columns, those from `there` on are zeros.
static void pack(int columns, int there, int inner, const float *b, int row, int column) {
    float *packed = panel;
    for (int k = 0; k < inner; k++) {
        for (int j = 0; j < columns; j++) packed[j] = j < there ? b[k * row + j * column] : 0;
        packed += columns;
    }
}

static void pack_vectors(const int vectors, int inner, const float *b, int row) {
    float *packed = panel;
    for (int k = 0; k < inner; k++) {
        for (int v = 0; v < vectors; v++) wasm_v128_store(packed + 4 * v, wasm_v128_load(b + k * row + 4 * v));
        packed += 4 * vectors;
    }
}

void product(int rows, int columns, int inner, Matrix a, Matrix b, float *c, int c_row, const float *bias) {
    int padded_columns = padded(columns);
    for (int j = 0; j < padded_columns;) {
        int width = padded_columns - j >= 8 ? 8 : 4;
        const float *from = b.data + j * b.column;
        if (b.column != 1)
            pack(width, columns - j, inner, from, b.row, b.column);
        else
            pack_vectors(width / 4, inner, from, b.row);

        const float *start = bias ? bias + j : 0;
        if (width == 8)
            multiply_rows(4, 2, rows, inner, a, c + j, c_row, start);
        else
            multiply_rows(8, 1, rows, inner, a, c + j, c_row, start);
        j += width;
    }
}

void sum_columns(int rows, int columns, const float *values, int stride, float *sums) {
    for (int j = 0; j < columns; j += 4) {
        // In four parts, which round less than one.
        v128_t parts[4];
        for (int p = 0; p < 4; p++) parts[p] = wasm_f32x4_splat(0);
        for (int i = 0; i < rows; i++) {
            v128_t row = wasm_v128_load(values + i * stride + j);
            parts[i & 3] = wasm_f32x4_add(parts[i & 3], row);
        }
        v128_t total = wasm_f32x4_add(wasm_f32x4_add(parts[0], parts[1]), wasm_f32x4_add(parts[2], parts[3]));
        wasm_v128_store(sums + j, total);
    }
}
