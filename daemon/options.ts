// Options of lodend: the command line and the environment, checked and turned into what the parts need. Every mistake is
// an ERR_USAGE that names the flag or the variable; nothing is started before all is right.
import { posix } from "node:path";
import { Address, type Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Offloads } from "./backend/udp/userspace/messages.ts";
import { parseOffloads } from "./backend/udp/userspace/offloads.ts";
import type { PerFamily } from "./lease/types.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./log-settings.ts";
import { type FlagKind, parseFlagValue, splitFlags } from "./options/goflag.ts";
import { parseRe2 } from "./options/re2.ts";
import { type Firewall, FIREWALLS } from "./traffic/firewall.ts";
import { environmentName, FLAG_NAMES, type FlagName, flagSpec, type FlagValues } from "./options/table.ts";

export interface EtcdOptions {
  /** URLs without credentials, at least one; none where `discovery` tells them. */
  readonly endpoints: readonly string[];
  /** SRV records of a domain tell the endpoints. */
  readonly discovery?: { readonly domain: string; readonly serviceName?: string };
  /** Without double or trailing slashes. */
  readonly prefix: string;
  /** File names; `cert` and `key` are given together or not at all. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly username?: string;
  readonly password?: string;
}

/** How the interface for traffic between hosts is to be found; node/interface.ts has the rules. */
export interface InterfaceOptions {
  /** Names and addresses, in order. */
  readonly names: readonly string[];
  readonly patterns: readonly RegExp[];
  readonly canReach?: Address;
  readonly publicAddress: PerFamily<Address>;
}

export interface Options {
  readonly etcd: EtcdOptions;
  readonly interface: InterfaceOptions;
  readonly subnetFile: string;
  /** Directory of the last known state; absent: none is kept. */
  readonly stateDirectory?: string;
  /** Socket of the resident CNI plugins; absent: none are kept. */
  readonly cniSocket?: string;
  /** The lease is given back when the daemon is stopped. */
  readonly release: boolean;
  readonly renewMarginSeconds: number;
  readonly leaseTtlSeconds: number;
  /** The network's configuration may have commands run on this host. */
  readonly allowExtensionCommands: boolean;
  readonly ipMasq: boolean;
  /** Masquerading picks source ports at random. */
  readonly fullyRandom: boolean;
  readonly forwardRules: boolean;
  readonly firewall: Firewall;
  /** Encapsulated packets are taken from peers alone. */
  readonly sourceFilter: boolean;
  /** Least time between probes of one peer; absent: none are sent. */
  readonly probeIntervalMs?: number;
  /** Of the udp backend's thread. */
  readonly udpOffloads: Offloads;
  readonly resyncSeconds: number;
  readonly blackholeRoute: boolean;
  /** Absent: no health server. */
  readonly health?: { readonly address: string; readonly port: number };
  readonly nodeId?: string;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** The flags that differ from their defaults, secrets masked, for the log. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Things to tell the user that are no errors. */
  readonly warnings: readonly string[];
}

export type Invocation =
  | { readonly action: "run"; readonly options: Options }
  | { readonly action: "help" }
  | { readonly action: "version" };

/** @throws LodenError ERR_USAGE */
export function readInvocation(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Invocation {
  const values = Object.fromEntries(FLAG_NAMES.map((name) => [name, flagSpec(name).default])) as FlagValues;
  const kinds = new Map<string, FlagKind>(FLAG_NAMES.map((name) => [name, flagSpec(name).kind]));
  const given = splitFlags(args, kinds.set("h", "boolean").set("help", "boolean"));
  if (given.some(({ name }) => name === "h" || name === "help")) return { action: "help" };
  if (given.some(({ name, text }) => name === "version" && parseFlagValue("boolean", text) === true)) {
    return { action: "version" };
  }
  for (const prefix of ["FLANNELD", "LODEN"] as const) {
    for (const name of FLAG_NAMES) {
      const variable = environmentName(prefix, name);
      const text = environment[variable];
      // An empty variable counts as absent, as in flannel. A list takes one element from the environment.
      if (text !== undefined && text !== "") assign(values, name, text, variable, true);
    }
  }
  const seen = new Set<string>();
  for (const { name, text } of given) {
    assign(values, name as FlagName, text, `--${name}`, !seen.has(name));
    seen.add(name);
  }
  for (const name of FLAG_NAMES) {
    const { refused, default: byDefault } = flagSpec(name);
    if (refused !== undefined && values[name] !== byDefault) throw bad(name, `is not served: ${refused}`);
  }
  return { action: "run", options: checkValues(values, unknownVariables(environment)) };
}

/** `replace` is true for the first element of a list from this source. */
function assign(values: FlagValues, name: FlagName, text: string, source: string, replace: boolean): void {
  const { kind } = flagSpec(name);
  const slots = values as Record<FlagName, unknown>;
  if (kind === "list") {
    slots[name] = replace ? [text] : [...(values[name] as readonly string[]), text];
    return;
  }
  const value = parseFlagValue(kind, text);
  if (value === undefined) {
    const expected = kind === "boolean" ? "true or false" : "a whole number";
    throw new LodenError("ERR_USAGE", `invalid value ${JSON.stringify(text)} for ${source}: write ${expected}`, {
      fields: { flag: name },
    });
  }
  slots[name] = value;
}

function checkValues(values: FlagValues, warnings: string[]): Options {
  const margin = values["subnet-lease-renew-margin"];
  if (margin < 1 || margin > 1439) {
    throw bad("subnet-lease-renew-margin", `must be from 1 to 1439 minutes, not ${margin}; leases last 24 hours`);
  }
  const ttl = values["subnet-lease-ttl"];
  if (ttl < 2 || ttl > 31_536_000) throw bad("subnet-lease-ttl", `must be from 2 to 31536000 seconds, not ${ttl}`);
  const resync = values["iptables-resync"];
  if (resync < 1 || resync > 86_400) throw bad("iptables-resync", `must be from 1 to 86400 seconds, not ${resync}`);
  const subnetFile = values["subnet-file"];
  if (subnetFile === "" || subnetFile.endsWith("/")) throw bad("subnet-file", "must name a file");
  const health = checkHealth(values);
  const nodeId = values["node-id"];
  if (!/^[\w.:-]{0,128}$/.test(nodeId)) {
    throw bad("node-id", "may have up to 128 letters, digits, and the characters . _ : -");
  }
  return {
    etcd: checkEtcd(values, warnings),
    interface: checkInterface(values),
    subnetFile: posix.resolve(subnetFile),
    ...(values["state-dir"] === "" ? {} : { stateDirectory: posix.resolve(values["state-dir"]) }),
    ...(values["cni-socket"] === "" ? {} : { cniSocket: posix.resolve(values["cni-socket"]) }),
    release: values["release"],
    renewMarginSeconds: margin * 60,
    leaseTtlSeconds: ttl,
    allowExtensionCommands: values["allow-extension-commands"],
    ipMasq: values["ip-masq"],
    fullyRandom: !values["ip-masq-fully-random-disable"],
    forwardRules: values["iptables-forward-rules"],
    firewall: checkFirewall(values),
    sourceFilter: values["source-filter"],
    ...(values["probe-interval"] === 0 ? {} : { probeIntervalMs: checkProbeInterval(values) }),
    udpOffloads: checkOffloads(values["udp-offloads"]),
    resyncSeconds: resync,
    blackholeRoute: values["ip-blackhole-route"],
    ...(health === undefined ? {} : { health }),
    ...(nodeId === "" ? {} : { nodeId }),
    log: checkLog(values),
    given: shownValues(values),
    warnings,
  };
}

function checkEtcd(values: FlagValues, warnings: string[]): EtcdOptions {
  const discovery = checkDiscovery(values);
  const endpoints =
    discovery === undefined ? values["etcd-endpoints"].split(",").map((text) => checkEndpoint(text.trim())) : [];
  const prefix = values["etcd-prefix"];
  if (prefix === "") throw bad("etcd-prefix", "must not be empty");
  const ca = values["etcd-cafile"];
  const cert = values["etcd-certfile"];
  const key = values["etcd-keyfile"];
  if (cert !== "" && key === "") throw bad("etcd-certfile", "needs --etcd-keyfile beside it");
  if (key !== "" && cert === "") throw bad("etcd-keyfile", "needs --etcd-certfile beside it");
  const username = values["etcd-username"];
  const password = values["etcd-password"];
  if (password !== "" && username === "") throw bad("etcd-password", "needs --etcd-username beside it");
  if (ca + cert !== "" && discovery === undefined && endpoints.every((endpoint) => endpoint.startsWith("http:"))) {
    warnings.push("--etcd-endpoints has no https:// URL, so the TLS files are not used and traffic is not encrypted");
  }
  return {
    endpoints,
    ...(discovery === undefined ? {} : { discovery }),
    prefix: posix.normalize(prefix).replace(/(?<=.)\/+$/, ""),
    tls: { ...(ca === "" ? {} : { ca }), ...(cert === "" ? {} : { cert, key }) },
    ...(username === "" ? {} : { username, password }),
  };
}

function checkDiscovery(values: FlagValues): EtcdOptions["discovery"] {
  const domain = values["etcd-discovery-srv"].replace(/\.$/, "");
  const serviceName = values["etcd-discovery-srv-name"];
  if (domain === "") {
    if (serviceName !== "") throw bad("etcd-discovery-srv-name", "needs --etcd-discovery-srv beside it");
    return undefined;
  }
  if (!/^[\w-]{1,63}(?:\.[\w-]{1,63})*$/.test(domain) || domain.length > 200) {
    throw bad(
      "etcd-discovery-srv",
      `${JSON.stringify(shorten(domain))} is not a domain name, like cluster.example.com`,
    );
  }
  if (!/^[\w-]{0,40}$/.test(serviceName)) {
    throw bad("etcd-discovery-srv-name", "may have up to 40 letters, digits, and the characters _ -");
  }
  if (values["etcd-endpoints"] !== flagSpec("etcd-endpoints").default) {
    throw bad("etcd-discovery-srv", "finds the endpoints, so --etcd-endpoints must not be given beside it");
  }
  return { domain, ...(serviceName === "" ? {} : { serviceName }) };
}

function checkEndpoint(text: string): string {
  const wrong = (what: string): LodenError => bad("etcd-endpoints", `${JSON.stringify(shorten(text))} ${what}`);
  if (!/^https?:\/\//.test(text)) throw wrong("must begin with http:// or https://");
  if (!URL.canParse(text)) throw wrong("is not a URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw bad("etcd-endpoints", "must not hold a user name or password; use --etcd-username and --etcd-password");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw wrong("must end after the port");
  return url.origin;
}

function checkInterface(values: FlagValues): InterfaceOptions {
  const publicAddress: PerFamily<Address> = {};
  for (const [name, family] of [
    ["public-ip", 4],
    ["public-ipv6", 6],
  ] as const) {
    if (values[name] !== "") publicAddress[family] = checkAddress(name, values[name], family);
  }
  for (const name of values["iface"]) if (name === "") throw bad("iface", "must not be empty");
  const canReach = values["iface-can-reach"];
  return {
    names: values["iface"],
    patterns: values["iface-regex"].map((text) => {
      const pattern = parseRe2(text);
      if (typeof pattern === "string") throw bad("iface-regex", `${JSON.stringify(shorten(text))}: ${pattern}`);
      return pattern;
    }),
    ...(canReach === "" ? {} : { canReach: checkAddress("iface-can-reach", canReach) }),
    publicAddress,
  };
}

function checkAddress(name: FlagName, text: string, family?: Family): Address {
  const address = Address.tryParse(text);
  if (address === undefined || (family !== undefined && address.family !== family)) {
    throw bad(
      name,
      `${JSON.stringify(shorten(text))} is not an ${family === undefined ? "IP" : `IPv${family}`} address`,
    );
  }
  if (address.isUnspecified || address.isMulticast) {
    throw bad(name, `${address.toString()} is not an address of a host`);
  }
  return address;
}

function checkHealth(values: FlagValues): Options["health"] {
  const port = values["healthz-port"];
  if (port < 0 || port > 65_535) throw bad("healthz-port", `must be from 0 to 65535, not ${port}`);
  const address = Address.tryParse(values["healthz-ip"]);
  if (address === undefined)
    throw bad("healthz-ip", `${JSON.stringify(shorten(values["healthz-ip"]))} is not an IP address`);
  return port === 0 ? undefined : { address: address.toString(), port };
}

function checkFirewall(values: FlagValues): Firewall {
  const firewall = FIREWALLS.find((known) => known === values["firewall"]);
  if (firewall === undefined) throw bad("firewall", `must be one of ${FIREWALLS.join(", ")}`);
  return firewall;
}

function checkLog(values: FlagValues): Options["log"] {
  const format = LOG_FORMATS.find((known) => known === values["log-format"]);
  if (format === undefined) throw bad("log-format", `must be one of ${LOG_FORMATS.join(", ")}`);
  const wanted = values["log-level"];
  const level = wanted === "" ? levelOfVerbosity(values["v"]) : LOG_LEVELS.find((known) => known === wanted);
  if (level === undefined) throw bad("log-level", `must be one of ${LOG_LEVELS.join(", ")}`);
  return { level, format };
}

/** klog's -v. */
function levelOfVerbosity(verbosity: number): LogLevel {
  if (verbosity <= 0) return "info";
  return verbosity < 5 ? "debug" : "trace";
}

function shownValues(values: FlagValues): Record<string, unknown> {
  const differing = FLAG_NAMES.filter((name) => {
    const byDefault = flagSpec(name).default;
    return Array.isArray(byDefault) ? (values[name] as readonly string[]).length > 0 : values[name] !== byDefault;
  });
  return Object.fromEntries(differing.map((name) => [name, flagSpec(name).secret === true ? "***" : values[name]]));
}

/** Variables with our prefixes that no flag has: most likely misspelt, and silently without effect. */
function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(
    FLAG_NAMES.flatMap((name) => [environmentName("LODEN", name), environmentName("FLANNELD", name)]),
  );
  return Object.keys(environment)
    .filter((variable) => /^(?:LODEN|FLANNELD)_/.test(variable) && !known.has(variable))
    .map((variable) => `the environment variable ${variable} belongs to no flag and has no effect`);
}

function bad(flag: FlagName, what: string): LodenError {
  return new LodenError("ERR_USAGE", `--${flag} ${what}`, { fields: { flag } });
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function checkOffloads(text: string): Offloads {
  const offloads = parseOffloads(text);
  if (offloads === undefined) {
    throw bad(
      "udp-offloads",
      `must be all, none, or of batch, segment, receive and device, not ${JSON.stringify(text)}`,
    );
  }
  return offloads;
}

function checkProbeInterval(values: FlagValues): number {
  const seconds = values["probe-interval"];
  if (seconds < 0 || seconds > 86_400) throw bad("probe-interval", `must be from 0 to 86400 seconds, not ${seconds}`);
  return seconds * 1_000;
}
