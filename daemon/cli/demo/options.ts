// The demo's options: how many hosts and containers, over which backend, on which store.
import { FAMILIES, type Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import { type CommandFlags, describeFlags, readFlags } from "../flags.ts";

/** Backends that need nothing but this machine. */
const BACKENDS = ["vxlan", "host-gw", "udp"];
const DATAPATHS = ["auto", "kernel", "userspace"];
const STORES = ["embedded", "etcd"];
/** All pairs are probed: 20 hosts with 10 containers would be 40,000 pairs. */
const MAX_HOSTS = 20;
const MAX_CONTAINERS = 10;

const FLAGS = {
  hosts: { kind: "integer", default: 3, value: "N", help: `hosts to make, 1 to ${MAX_HOSTS}` },
  containers: { kind: "integer", default: 2, value: "N", help: `containers on each host, 1 to ${MAX_CONTAINERS}` },
  backend: { kind: "string", default: "vxlan", value: BACKENDS.join("|"), help: "how hosts carry container traffic" },
  datapath: {
    kind: "string",
    default: "auto",
    value: DATAPATHS.join("|"),
    help: "who carries the packets of the udp backend",
  },
  store: { kind: "string", default: "embedded", value: STORES.join("|"), help: "where leases are kept" },
  ipv6: { kind: "boolean", default: false, help: "IPv4 and IPv6 side by side, between hosts and between containers" },
  "ipv6-only": { kind: "boolean", default: false, help: "IPv6 and no IPv4" },
  check: {
    kind: "boolean",
    default: false,
    help: "verify every pair by ping and TCP transfer, then exit: 0 when all reach each other, else 1",
  },
} as const satisfies CommandFlags;

export interface DemoOptions {
  readonly hosts: number;
  readonly containers: number;
  readonly backend: string;
  readonly datapath: string;
  readonly store: string;
  readonly check: boolean;
  readonly families: readonly Family[];
}

export const DEMO_USAGE = `Makes hosts and containers out of network namespaces on this machine, runs a Loden fabric between them,
and shows who reaches whom. Needs root. Nothing of it stays behind.

usage: loden demo [flags]

${describeFlags(FLAGS)}
`;

/** Undefined when help was asked for. @throws LodenError ERR_USAGE */
export function readDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const { flags, help } = readFlags(FLAGS, args);
  if (help) return undefined;
  between("hosts", flags.hosts, MAX_HOSTS);
  between("containers", flags.containers, MAX_CONTAINERS);
  oneOf("backend", flags.backend, BACKENDS);
  oneOf("datapath", flags.datapath, DATAPATHS);
  if (flags.datapath !== "auto" && flags.backend !== "udp") {
    throw new LodenError("ERR_USAGE", "--datapath is for --backend udp", { fields: { flag: "datapath" } });
  }
  oneOf("store", flags.store, STORES);
  const { ipv6, "ipv6-only": ipv6Only, ...others } = flags;
  if (ipv6 && ipv6Only) {
    throw new LodenError("ERR_USAGE", "--ipv6 and --ipv6-only exclude each other", { fields: { flag: "ipv6" } });
  }
  return { ...others, families: ipv6Only ? [6] : ipv6 ? FAMILIES : [4] };
}

function between(name: string, value: number, most: number): void {
  if (value >= 1 && value <= most) return;
  throw new LodenError("ERR_USAGE", `--${name} takes a number from 1 to ${most}, not ${value}`, {
    fields: { flag: name },
  });
}

function oneOf(name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new LodenError("ERR_USAGE", `--${name} takes ${choices.join(" or ")}, not ${JSON.stringify(value)}`, {
    fields: { flag: name },
  });
}
