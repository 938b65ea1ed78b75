// The reachability and latency table between all containers, as text: a row per sender, a column per receiver.
import { styleText } from "node:util";

/** Round trip in milliseconds, or undefined where no answer came; absent while nothing is known yet. */
export type Reach = ReadonlyMap<string, number | undefined>;

export const pairKey = (from: string, to: string): string => `${from}>${to}`;

export interface Labelled {
  readonly name: string;
  readonly address: string;
}

const CELL = 9; // "0.123" and a unit column's worth of air; names in the demo are at most "h10c10"

export function renderTable(containers: readonly Labelled[], reach: Reach, isColour: boolean): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string): string =>
    isColour ? styleText(format, text) : text;
  const width = Math.max(...containers.map((c) => c.name.length + c.address.length + 1));
  const head = `${"from \\ to (ms)".padEnd(width)}${containers.map((c) => c.name.padStart(CELL)).join("")}`;
  const rows = containers.map((from) => {
    const label = `${from.name} ${from.address}`.padEnd(width);
    const cells = containers.map((to) => {
      const key = pairKey(from.name, to.name);
      if (from === to) return paint("dim", "·".padStart(CELL));
      if (!reach.has(key)) return paint("dim", "…".padStart(CELL));
      const ms = reach.get(key);
      return ms === undefined ? paint("red", "lost".padStart(CELL)) : paint("green", ms.toFixed(3).padStart(CELL));
    });
    return `${label}${cells.join("")}`;
  });
  return [paint("bold", head), ...rows].join("\n");
}
