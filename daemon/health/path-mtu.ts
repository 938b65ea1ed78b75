// The longest packet that passes a path whole: what RFC 4821 asks of a transport, with echo requests. Routers that say nothing
// about what they drop do not matter. Pure but for the probes that it is given.

/** A probe that is lost for another reason is not taken for one that was too long. */
const ATTEMPTS = 2;

/** Whether a packet of so many bytes passes. */
export type Passes = (size: number) => Promise<boolean>;

/**
 * The longest that passes, between `known`, which does, and `most`.
 * @param before what was found the last time: most paths are as they were
 */
export async function findPathMtu(passes: Passes, known: number, most: number, before?: number): Promise<number> {
  const surely: Passes = async (size) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) if (await passes(size)) return true;
    return false;
  };
  if (most <= known || (await surely(most))) return most;
  let [low, high] = [known, most];
  if (before !== undefined && before > low && before < high) {
    if (!(await surely(before))) high = before;
    else {
      if (before + 1 === high || !(await passes(before + 1))) return before;
      low = before + 1;
    }
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await surely(middle)) low = middle;
    else high = middle;
  }
  return low;
}
