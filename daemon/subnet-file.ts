// subnet.env (spec/subnet-env.md): written when this node's part of the data path stands, kept there while the daemon
// runs, and read at the start for the subnets that containers may still be using.
import { FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { errorText, LodenError } from "#spec/errors";
import { formatSubnetEnv, parsePreviousSubnetEnv } from "#spec/subnet-env";
import type { Files } from "./atomic-file.ts";
import type { Network, PerFamily } from "./lease/types.ts";

const MODE = 0o644;

/** The file's text for this node. */
export function subnetFileText(network: Network, subnet: PerFamily<Prefix>, mtu: number, ipMasq: boolean): string {
  const networks: PerFamily<string[]> = {};
  const subnets: PerFamily<string> = {};
  for (const family of FAMILIES) {
    const [range, own] = [network.ranges[family], subnet[family]];
    if (range === undefined || own === undefined) continue;
    networks[family] = [range.network.toString()];
    // The first address of the subnet is the node's own on the overlay device; the bridge gets the next.
    subnets[family] = Prefix.of(own.first.add(1), own.length).toString();
  }
  return formatSubnetEnv({ networks, subnet: subnets, mtu, ipMasq });
}

/** Makes the file say `text`; touches nothing when it does already. @throws LodenError ERR_SUBNET_ENV */
export function writeSubnetFile(files: Files, file: string, text: string): void {
  try {
    if (files.read(file) !== text) files.replace(file, text, MODE);
  } catch (error) {
    throw new LodenError("ERR_SUBNET_ENV", `--subnet-file ${file} cannot be written: ${errorText(error)}`, {
      cause: error,
      fields: { file },
    });
  }
}

/** The subnets that an earlier run, or flannel, left in the file; undefined when it tells of none. */
export function readPreviousSubnets(files: Files, file: string): PerFamily<Prefix> | undefined {
  const previous = parsePreviousSubnetEnv(files.read(file) ?? "");
  const subnets: PerFamily<Prefix> = {};
  for (const family of FAMILIES) {
    const prefix = Prefix.tryParse(previous.subnet[family] ?? "");
    if (prefix?.family === family) subnets[family] = prefix.masked;
  }
  return Object.keys(subnets).length === 0 ? undefined : subnets;
}
