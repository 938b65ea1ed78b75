// Figures that a benchmark sums up: medians, which one slow run does not move.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A whole number of thousands apart, as people read them. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Rows below each other, columns to the right of the widest. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))))
    .map((row) => `  ${row.join("  ")}\n`)
    .join("");
}
