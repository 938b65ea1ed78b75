// `loden cni`: what a container runtime does with a network configuration, by hand: attach a namespace to a network, detach
// it, check it, collect what is left over, ask for the status. Configurations, variables and the cache of results are those
// that cnitool and the runtimes use, so that each sees what the other did.
import { createHash } from "node:crypto";
import path from "node:path";
import { isNetns } from "#kernel/netns";
import { LodenError } from "#spec/errors";
import { FORMATS } from "#spec/formats";
import { sys } from "#sys";
import { findExecutables } from "../executables.ts";
import { type CommandFlags, describeFlags, type FlagsOf, readFlags } from "../flags.ts";
import { type CachedAttachment, ResultCache } from "./cache.ts";
import { type FoundNetwork, findNetwork, listNetworks } from "./networks.ts";
import { type Attachment, type AttachmentId, CniRuntime } from "./runtime.ts";

const DEFAULT_BIN_DIR = "/opt/cni/bin";
const NAMED_NETNS = "/var/run/netns";

const CNI_FLAGS = {
  "conf-dir": {
    kind: "string",
    default: process.env["NETCONFPATH"] ?? "/etc/cni/net.d",
    value: "DIR",
    help: "where network configurations are; NETCONFPATH",
  },
  "bin-dir": {
    kind: "string",
    default: process.env["CNI_PATH"] ?? "",
    value: "DIR:DIR",
    help: `where plugins are; CNI_PATH, else ${DEFAULT_BIN_DIR} and then those of this installation`,
  },
  "cache-dir": { kind: "string", default: "/var/lib/cni/results", value: "DIR", help: "where results are kept" },
  ifname: {
    kind: "string",
    default: process.env["CNI_IFNAME"] ?? "eth0",
    value: "NAME",
    help: "the interface in the container; CNI_IFNAME",
  },
  "container-id": {
    kind: "string",
    default: "",
    value: "ID",
    help: "default: made of the namespace's path, as cnitool",
  },
  args: { kind: "string", default: process.env["CNI_ARGS"] ?? "", value: "K=V;K=V", help: "CNI_ARGS" },
  "cap-args": {
    kind: "string",
    default: process.env["CAP_ARGS"] ?? "",
    value: "JSON",
    help: 'capability arguments, as {"portMappings":[…]}; CAP_ARGS',
  },
  valid: {
    kind: "list",
    default: [] as readonly string[],
    value: "ID/IFNAME",
    help: "gc: an attachment to keep, may be repeated; default: those in the cache whose namespace is there",
  },
  json: { kind: "boolean", default: false, help: "list: as JSON" },
} as const satisfies CommandFlags;

const USAGE = `Runs CNI plugins by hand, as a container runtime does.

usage: loden cni add    <network> <netns>   attach a network namespace, print the result
       loden cni check  <network> <netns>   is it as it was attached?
       loden cni del    <network> <netns>   detach it; the namespace may be gone
       loden cni gc     <network>           remove what belongs to no valid attachment
       loden cni status <network>           can the network be attached to?
       loden cni list                       networks of this host, and what is attached

A network is a name in --conf-dir or the path of a file. A namespace is a path or a name of "ip netns".

${describeFlags(CNI_FLAGS)}

Exit status: 0 done, 1 a plugin failed, 2 bad usage.
`;

type Flags = FlagsOf<typeof CNI_FLAGS>;

interface Words {
  readonly flags: Flags;
  readonly network: string;
  readonly netns: string;
}

const OPERATIONS: Readonly<Record<string, { words: number; run: (words: Words) => string }>> = {
  add: { words: 2, run: add },
  check: { words: 2, run: check },
  del: { words: 2, run: detach },
  gc: { words: 1, run: collect },
  status: { words: 1, run: status },
  list: { words: 0, run: list },
};

const MAX_WORDS = 3;

export function runCni(args: readonly string[]): Promise<number> {
  const { flags, rest, help } = readFlags(CNI_FLAGS, args, MAX_WORDS);
  if (help) {
    process.stdout.write(USAGE);
    return Promise.resolve(0);
  }
  const [name = "", network = "", netns = ""] = rest;
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name]! : undefined;
  if (operation === undefined) {
    throw new LodenError(
      "ERR_USAGE",
      `loden cni takes ${Object.keys(OPERATIONS).join(", ")}, not ${JSON.stringify(name)}`,
    );
  }
  if (rest.length !== operation.words + 1) {
    const needs = ["nothing more", "a network", "a network and a namespace"][operation.words]!;
    throw new LodenError("ERR_USAGE", `loden cni ${name} takes ${needs}`);
  }
  process.stdout.write(operation.run({ flags, network, netns }));
  return Promise.resolve(0);
}

function add({ flags, network, netns }: Words): string {
  const { found, runtime, cache } = open(flags, network);
  const attachment = attachmentOf(flags, netns);
  if (!isNetns(sys, attachment.netns)) throw new LodenError("ERR_NETNS", `${attachment.netns} is no network namespace`);
  const result = runtime.add(attachment);
  cache.keep(found.network.name, found.text, attachment, result);
  return `${JSON.stringify(result, undefined, 4)}\n`;
}

function check({ flags, network, netns }: Words): string {
  const { found, runtime, cache } = open(flags, network);
  const wanted = attachmentOf(flags, netns);
  const { name } = found.network;
  const cached = cache.find(name, wanted.containerId, wanted.ifname);
  if (cached?.result === undefined) {
    throw new LodenError(
      "ERR_CNI",
      `${wanted.containerId} has no ${wanted.ifname} in network ${name}, as far as is known`,
    );
  }
  const isChecked = runtime.check({ ...cached, netns: wanted.netns }, cached.result);
  return isChecked ? "as it was attached\n" : `network ${name} has checks switched off\n`;
}

function detach({ flags, network, netns }: Words): string {
  const { found, runtime, cache } = open(flags, network);
  const wanted = attachmentOf(flags, netns);
  const { name } = found.network;
  const cached = cache.find(name, wanted.containerId, wanted.ifname);
  runtime.delete({ ...wanted, ...argumentsOf(cached), ...argumentsOf(wanted) }, cached?.result);
  cache.forget(name, wanted.containerId, wanted.ifname);
  return "";
}

/** First detaches what the cache knows and is not valid, as libcni does, then has the plugins look for more. */
function collect({ flags, network }: Words): string {
  const { found, runtime, cache } = open(flags, network);
  const { name } = found.network;
  const cached = cache.list(name);
  const valid = flags.valid.length > 0 ? flags.valid.map(attachmentId) : cached.filter(isAlive).map(identityOf);
  const keep = new Set(valid.map(text));
  const stale = cached.filter((entry) => !keep.has(text(identityOf(entry))));
  for (const entry of stale) {
    runtime.delete({ ...entry, netns: isAlive(entry) ? entry.netns : "" }, entry.result);
    cache.forget(name, entry.containerId, entry.ifname);
  }
  const isCollected = runtime.collect(valid);
  const kept = valid.length === 0 ? "nothing is valid" : `valid: ${valid.map(text).join(", ")}`;
  const detached = stale.length === 0 ? "" : `detached: ${stale.map((entry) => text(identityOf(entry))).join(", ")}\n`;
  return `${kept}\n${detached}${isCollected ? "" : `network ${name} has collection switched off\n`}`;
}

function status({ flags, network }: Words): string {
  const { found, runtime } = open(flags, network);
  runtime.status();
  return `network ${found.network.name} can be attached to\n`;
}

function list({ flags }: Words): string {
  const complaints: string[] = [];
  const networks = listNetworks(flags["conf-dir"], (complaint) => complaints.push(complaint));
  const attachments = new ResultCache(flags["cache-dir"]).list();
  for (const complaint of complaints) process.stderr.write(`loden: ${complaint}\n`);
  if (flags.json) {
    const document = {
      networks: networks.map(({ file, network: { name, cniVersion, plugins } }) => {
        return { name, cniVersion, file, plugins: plugins.map(({ type }) => type) };
      }),
      attachments: attachments.map((entry) => ({ ...entry, alive: isAlive(entry) })),
    };
    return `${JSON.stringify(document, undefined, 2)}\n`;
  }
  const lines = networks.map(({ file, network: { name, cniVersion, plugins } }) => {
    return `network ${name} (CNI ${cniVersion}): ${plugins.map(({ type }) => type).join(", ")}; ${file}`;
  });
  if (networks.length === 0) lines.push(`no network in ${flags["conf-dir"]}`);
  for (const entry of attachments) {
    const addresses = (entry.result?.ips ?? []).map(({ address }) => address).join(", ") || "no address";
    const gone = isAlive(entry) ? "" : ", its namespace is gone";
    lines.push(`attached ${entry.containerId} ${entry.ifname} to ${entry.networkName}: ${addresses}${gone}`);
  }
  return `${lines.join("\n")}\n`;
}

function open(flags: Flags, name: string): { found: FoundNetwork; runtime: CniRuntime; cache: ResultCache } {
  const found = findNetwork(flags["conf-dir"], name);
  const folders = flags["bin-dir"] === "" ? [DEFAULT_BIN_DIR, findExecutables().cni] : flags["bin-dir"].split(":");
  const runtime = new CniRuntime({ path: folders, network: found.network });
  return { found, runtime, cache: new ResultCache(flags["cache-dir"]) };
}

function attachmentOf(flags: Flags, netns: string): Attachment {
  const file = netns.includes("/") ? path.resolve(netns) : path.join(NAMED_NETNS, netns);
  const containerId = flags["container-id"] || defaultContainerId(file);
  checkFormat("container-id", containerId, "cni-name");
  checkFormat("ifname", flags.ifname, "interface-name");
  const capabilityArgs = flags["cap-args"] === "" ? undefined : capabilityArguments(flags["cap-args"]);
  return {
    containerId,
    netns: file,
    ifname: flags.ifname,
    ...(flags.args !== "" && { args: flags.args }),
    ...(capabilityArgs !== undefined && { capabilityArgs }),
  };
}

/** As cnitool makes it. */
function defaultContainerId(netns: string): string {
  return `cnitool-${createHash("sha512").update(netns).digest("hex").slice(0, 20)}`;
}

/** The file of a result is named after these. */
function checkFormat(flag: string, value: string, format: "cni-name" | "interface-name"): void {
  if (FORMATS[format].accepts(value)) return;
  throw new LodenError("ERR_USAGE", `--${flag} is ${JSON.stringify(value)}, must be ${FORMATS[format].described}`);
}

function capabilityArguments(json: string): Record<string, unknown> {
  try {
    const value = JSON.parse(json) as unknown;
    if (value instanceof Object && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new LodenError("ERR_USAGE", `--cap-args is ${JSON.stringify(json)}, must be a JSON object`);
}

function attachmentId(given: string): AttachmentId {
  const [containerID = "", ifname = "", ...more] = given.split("/");
  if (containerID !== "" && ifname !== "" && more.length === 0) return { containerID, ifname };
  throw new LodenError(
    "ERR_USAGE",
    `--valid is ${JSON.stringify(given)}, must be a container id, "/" and an interface`,
  );
}

function identityOf({ containerId, ifname }: CachedAttachment): AttachmentId {
  return { containerID: containerId, ifname };
}

function text({ containerID, ifname }: AttachmentId): string {
  return `${containerID}/${ifname}`;
}

function argumentsOf(attachment: Attachment | undefined): Pick<Attachment, "args" | "capabilityArgs"> {
  const { args, capabilityArgs } = attachment ?? {};
  return { ...(args !== undefined && { args }), ...(capabilityArgs !== undefined && { capabilityArgs }) };
}

function isAlive({ netns }: CachedAttachment): boolean {
  return netns !== "" && isNetns(sys, netns);
}
