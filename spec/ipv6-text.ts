// The IPv6 text that nearly all addresses have: groups of hexadecimal digits, of which one run of zeros may be left out
// (RFC 4291 §2.2, forms 1 and 2), printed as RFC 5952 §4 says. Only that; address-text.ts leaves every other text, and
// what is wrong with it, to the ip-address package. It is read here because loading the package's IPv6 half costs a CNI
// executable more than a millisecond (spec/decisions/address-text.md).

const GROUPS = 8;
const GROUP_DIGITS = 4;

/** The groups as one number; undefined for any text of another form, be it right or wrong. */
export function parsePlainIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  const head = readGroups(halves[0]!);
  const tail = readGroups(halves[1] ?? "");
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined;
  const digits = head + tail;
  const missing = GROUPS * GROUP_DIGITS - digits.length;
  // What is left out is at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < GROUP_DIGITS) return undefined;
  return BigInt(`0x${head}${"0".repeat(missing)}${tail}`);
}

/** Four digits for every group. */
function readGroups(text: string): string | undefined {
  if (text === "") return "";
  let digits = "";
  for (const group of text.split(":")) {
    if (group.length < 1 || group.length > GROUP_DIGITS || !isHexadecimal(group)) return undefined;
    digits += group.padStart(GROUP_DIGITS, "0");
  }
  return digits;
}

function isHexadecimal(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    const isDigit =
      (character >= "0" && character <= "9") ||
      (character >= "a" && character <= "f") ||
      (character >= "A" && character <= "F");
    if (!isDigit) return false;
  }
  return true;
}

/** The longest run of two or more zero groups is left out, the first of those that are equal. 128 bits at most. */
export function printPlainIpv6(value: bigint): string {
  const digits = value.toString(16).padStart(GROUPS * GROUP_DIGITS, "0");
  const groups: string[] = [];
  let [runStart, runLength, zeros] = [0, 1, 0];
  for (let index = 0; index < GROUPS; index++) {
    const group = Number.parseInt(digits.slice(index * GROUP_DIGITS, (index + 1) * GROUP_DIGITS), 16);
    groups.push(group.toString(16));
    zeros = group === 0 ? zeros + 1 : 0;
    if (zeros > runLength) [runStart, runLength] = [index + 1 - zeros, zeros];
  }
  if (runLength < 2) return groups.join(":");
  return `${groups.slice(0, runStart).join(":")}::${groups.slice(runStart + runLength).join(":")}`;
}
