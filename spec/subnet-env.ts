// subnet.env, the file through which the daemon tells plugins this host's subnets: its text, written as flannel writes
// it and read in the two ways flannel has (strict for the CNI plugin, lenient for the daemon's own previous file). See
// spec/subnet-env.md. No I/O here, and addresses stay text.
import { parsePrefixText } from "./address-text.ts";
import { LodenError } from "./errors.ts";

type Family = 4 | 6;

/** The order that the file has. */
const FAMILIES: readonly Family[] = [4, 6];

const NETWORK_KEY: Readonly<Record<Family, string>> = { 4: "FLANNEL_NETWORK", 6: "FLANNEL_IPV6_NETWORK" };
const SUBNET_KEY: Readonly<Record<Family, string>> = { 4: "FLANNEL_SUBNET", 6: "FLANNEL_IPV6_SUBNET" };

export interface SubnetEnv {
  /** The cluster's networks as CIDR text, at least one for each family that is in use. */
  readonly networks: Readonly<Partial<Record<Family, readonly string[]>>>;
  /** First address of this host's subnet with the subnet's length, as in the file: `10.5.3.1/24`. */
  readonly subnet: Readonly<Partial<Record<Family, string>>>;
  /** MTU for containers, in bytes. */
  readonly mtu: number;
  /** The daemon masquerades, so plugins need not. */
  readonly ipMasq: boolean;
}

/** What an earlier run left in the file. Anything that cannot be read is absent. */
export interface PreviousSubnetEnv {
  /** Only where the file names exactly one. */
  readonly network: Readonly<Partial<Record<Family, string>>>;
  readonly subnet: Readonly<Partial<Record<Family, string>>>;
}

/** The file's text: known keys in flannel's order, no quotes, a newline after each line. */
export function formatSubnetEnv(env: SubnetEnv): string {
  const lines: string[] = [];
  for (const family of FAMILIES) {
    const subnet = env.subnet[family];
    if (subnet === undefined) continue;
    lines.push(`${NETWORK_KEY[family]}=${(env.networks[family] ?? []).join(",")}`, `${SUBNET_KEY[family]}=${subnet}`);
  }
  lines.push(`FLANNEL_MTU=${env.mtu}`, `FLANNEL_IPMASQ=${env.ipMasq}`);
  return `${lines.join("\n")}\n`;
}

/**
 * Reads the file as the flannel CNI plugin does: each line is split at its first `=`, nothing is trimmed, unknown keys
 * are skipped, of a repeated key the last line counts. One address family is enough.
 * @param file its path, for errors
 * @throws LodenError ERR_SUBNET_ENV naming the missing keys, or the key and value that cannot be read
 */
export function parseSubnetEnv(text: string, file: string): SubnetEnv {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const equals = line.indexOf("=");
    if (equals >= 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const networks: Partial<Record<Family, readonly string[]>> = {};
  const subnet: Partial<Record<Family, string>> = {};
  for (const family of FAMILIES) {
    const networkText = values.get(NETWORK_KEY[family]);
    if (networkText !== undefined) {
      networks[family] = [...new Set(networkText.split(","))];
      for (const one of networks[family]) requirePrefix(file, NETWORK_KEY[family], one, family);
    }
    const subnetText = values.get(SUBNET_KEY[family]);
    if (subnetText !== undefined) {
      requirePrefix(file, SUBNET_KEY[family], subnetText, family);
      subnet[family] = subnetText;
    }
  }
  const mtuText = values.get("FLANNEL_MTU");
  const ipMasqText = values.get("FLANNEL_IPMASQ");
  const missing = [
    ...((networks[4] ?? networks[6]) ? [] : [NETWORK_KEY[4], NETWORK_KEY[6]]),
    ...((subnet[4] ?? subnet[6]) ? [] : [SUBNET_KEY[4], SUBNET_KEY[6]]),
    ...(mtuText === undefined ? ["FLANNEL_MTU"] : []),
    ...(ipMasqText === undefined ? ["FLANNEL_IPMASQ"] : []),
  ];
  if (mtuText === undefined || missing.length > 0) {
    throw new LodenError("ERR_SUBNET_ENV", `${file} is missing ${missing.join(", ")}`, { fields: { file } });
  }
  return { networks, subnet, mtu: readMtu(file, mtuText), ipMasq: ipMasqText === "true" };
}

/**
 * Reads what an earlier run of the daemon, or flannel, left: quotes, comments, blanks around names and `export` are
 * allowed as in a dotenv file; entries that are no prefix are skipped, and a key with other than one good entry is absent.
 */
export function parsePreviousSubnetEnv(text: string): PreviousSubnetEnv {
  const network: Partial<Record<Family, string>> = {};
  const subnet: Partial<Record<Family, string>> = {};
  const values = readDotenv(text);
  for (const family of FAMILIES) {
    const [networkText, subnetText] = [
      onlyPrefix(values, NETWORK_KEY[family], family),
      onlyPrefix(values, SUBNET_KEY[family], family),
    ];
    if (networkText !== undefined) network[family] = networkText;
    if (subnetText !== undefined) subnet[family] = subnetText;
  }
  return { network, subnet };
}

/** MTU limit of the file's reader in flannel: an unsigned 32-bit number. */
const MTU_LIMIT = 0xffff_ffff;

function readMtu(file: string, text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= MTU_LIMIT) return Number(text);
  throw new LodenError("ERR_SUBNET_ENV", `${file}: FLANNEL_MTU is ${JSON.stringify(text)}, must be a number of bytes`, {
    fields: { file, key: "FLANNEL_MTU" },
  });
}

function requirePrefix(file: string, key: string, text: string, family: Family): void {
  if (parsePrefixText(text)?.family === family) return;
  throw new LodenError("ERR_SUBNET_ENV", `${file}: ${key} is ${JSON.stringify(text)}, must be an IPv${family} prefix`, {
    fields: { file, key },
  });
}

function readDotenv(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*[=:]\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, name = "", rest = ""] = match;
    const quoted = /^(["'])(.*?)\1/.exec(rest);
    values.set(name, quoted === null ? rest.replace(/\s+#.*$|^#.*$/, "").trim() : (quoted[2] ?? ""));
  }
  return values;
}

function onlyPrefix(values: ReadonlyMap<string, string>, key: string, family: Family): string | undefined {
  const good = (values.get(key) ?? "").split(",").filter((text) => parsePrefixText(text.trim())?.family === family);
  return good.length === 1 ? good[0]?.trim() : undefined;
}
