// A table that the page is given: its rows, standardised, as own points with the units that lead back to its own.

const counts = new Intl.NumberFormat("en");

/**
 * @param {Object} packed What `swissroll.report.lab_table` writes.
 * @param {(text: string) => Uint8Array} bytesOf reads base64
 * @returns {Object} own points: `held_out` rows to measure on, `units`, the `coordinate` that colours them or null and its
 *   name, how many rows the table has to train on, and what names the table for the package
 */
export function tableFrom({ columns, mean, scale, log_volume, ...packed }, bytesOf) {
  const numbers = (text) => new Float32Array(bytesOf(text).buffer);
  return {
    dims: columns.length,
    values: numbers(packed.rows),
    name: packed.name,
    held_out: numbers(packed.held_out),
    units: { columns, mean, scale, log_volume },
    coordinate: packed.colours ? numbers(packed.colours) : null,
    label: packed.label ?? null,
    of_rows: packed.of_rows,
    recipe: packed.recipe,
  };
}

/** Which rows of a table the page holds, as a sentence. */
export function sayRows({ dims, values, held_out: apart, name, of_rows: ofRows }) {
  const count = values.length / dims;
  const some = `${counts.format(count)} of the ${counts.format(ofRows)} training rows, drawn at random,`;
  const rows = count < ofRows ? some : `the ${counts.format(count)} training rows`;
  const others = `the ${counts.format(apart.length / dims)} held-out rows that it is measured on`;
  return `The page holds ${rows} of ${name}, and ${others}. Whoever gets the page or its link gets these rows.`;
}
