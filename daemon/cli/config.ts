// `loden config`: the network configuration in the store, read, checked and written. It is checked before it is
// written, by the code that the daemons read it with.
import { readFileSync } from "node:fs";
import { LodenError } from "#spec/errors";
import { createBackend } from "../backend/registry.ts";
import { parseNetwork } from "../lease/network.ts";
import type { Node } from "../lease/types.ts";
import { readInvocation } from "../options.ts";
import { FLAGS } from "../options/table.ts";
import { openStore } from "../store/open.ts";
import type { SubnetStore } from "../store/port.ts";
import { type CommandFlags, describeFlags, readFlags } from "./flags.ts";

const ETCD_FLAGS = Object.fromEntries(
  Object.entries(FLAGS).filter(([name]) => name.startsWith("etcd-")),
) satisfies CommandFlags;

/** Options that depend on a host (an MTU that its interface cannot carry) are for that host's daemon to refuse. */
const SOME_NODE: Node = {
  id: "check",
  link: { name: "eth0", index: 1, mtu: 65_535 },
  address: {},
  publicAddress: {},
  hostAddresses: [],
  onLink: [],
  routes: [],
  subnet: {},
};

const USAGE = `Reads, checks and writes the network configuration (<etcd-prefix>/config).

usage: loden config get [flags]              print what is in the store
       loden config put DOCUMENT [flags]     check a document and write it
       loden config check DOCUMENT           check a document and write nothing

DOCUMENT is JSON text, @FILE for a file, or - for standard input.

${describeFlags(ETCD_FLAGS)}

The flags may also be given in the environment, as lodend's are: FLANNELD_ETCD_ENDPOINTS or LODEN_ETCD_ENDPOINTS.
`;

export async function runConfig(args: readonly string[]): Promise<number> {
  const { rest, given, help } = readFlags(ETCD_FLAGS, args, 2);
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [action = "", document] = rest;
  if (!["get", "put", "check"].includes(action)) {
    throw new LodenError("ERR_USAGE", `loden config takes get, put or check, not ${JSON.stringify(action)}`);
  }
  if ((action === "get") !== (document === undefined)) {
    throw new LodenError(
      "ERR_USAGE",
      action === "get" ? "loden config get takes no document" : `loden config ${action} needs a document`,
    );
  }
  if (document === undefined) return await withStore(given, printConfig);
  const text = readDocument(document);
  const { type, warnings } = createBackend(parseNetwork(text), SOME_NODE);
  for (const warning of warnings) process.stderr.write(`loden: ${warning}\n`);
  if (action === "check") {
    process.stdout.write(`good: a ${type} network\n`);
    return 0;
  }
  return await withStore(given, async (store) => {
    await store.putConfig(text);
    return 0;
  });
}

function readDocument(argument: string): string {
  if (argument === "-") return readFileSync(0, "utf8");
  if (!argument.startsWith("@")) return argument;
  try {
    return readFileSync(argument.slice(1), "utf8");
  } catch (cause) {
    throw new LodenError("ERR_USAGE", `${argument.slice(1)} cannot be read`, { cause });
  }
}

async function withStore(given: readonly string[], use: (store: SubnetStore) => Promise<number>): Promise<number> {
  const invocation = readInvocation(given, process.env);
  if (invocation.action !== "run") return 0;
  const store = openStore(invocation.options.etcd);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function printConfig(store: SubnetStore): Promise<number> {
  const { config } = await store.snapshot();
  if (config === undefined) {
    throw new LodenError(
      "ERR_CONFIG_MISSING",
      `${store.name} holds no network configuration; write one with "loden config put"`,
    );
  }
  process.stdout.write(config.value.endsWith("\n") ? config.value : `${config.value}\n`);
  return 0;
}
