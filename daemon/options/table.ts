// Every flag of lodend in one table: flannel's with flannel's defaults, then Loden's own. A flag that Loden cannot serve
// says so when it is given; none is accepted and then ignored.
import type { FlagKind, FlagValue } from "./goflag.ts";

interface FlagSpec<K extends FlagKind = FlagKind> {
  readonly kind: K;
  readonly default: FlagValue[K];
  /** What the value is, for the usage text; absent for booleans. */
  readonly value?: string;
  readonly help: string;
  /** Given a value that is not the default, this is why it cannot be served. */
  readonly refused?: string;
  /** Never shown. */
  readonly secret?: boolean;
}

const KUBERNETES = "this build keeps its leases in etcd; the Kubernetes store is not part of it";

export const FLAGS = {
  "etcd-endpoints": {
    kind: "string",
    default: "http://127.0.0.1:4001,http://127.0.0.1:2379",
    value: "url,…",
    help: "etcd endpoints, or those of `loden store`, separated by commas",
  },
  "etcd-discovery-srv": {
    kind: "string",
    default: "",
    value: "domain",
    help: "find the endpoints by DNS in place of --etcd-endpoints: SRV records _etcd-client-ssl._tcp.<domain>, else _etcd-client._tcp.<domain>",
  },
  "etcd-discovery-srv-name": {
    kind: "string",
    default: "",
    value: "name",
    help: "look for _etcd-client-ssl-<name> and _etcd-client-<name> instead, where clusters share a domain",
  },
  "etcd-prefix": { kind: "string", default: "/coreos.com/network", value: "path", help: "prefix of all keys in etcd" },
  "etcd-keyfile": {
    kind: "string",
    default: "",
    value: "file",
    help: "private key (PEM) for etcd, with --etcd-certfile",
  },
  "etcd-certfile": { kind: "string", default: "", value: "file", help: "client certificate (PEM) for etcd" },
  "etcd-cafile": {
    kind: "string",
    default: "",
    value: "file",
    help: "certificate authority (PEM) that etcd's certificate must come from; the system's when absent",
  },
  "etcd-username": { kind: "string", default: "", value: "name", help: "user name for etcd" },
  "etcd-password": {
    kind: "string",
    default: "",
    value: "text",
    help: "password for etcd; safer in the environment: FLANNELD_ETCD_PASSWORD",
    secret: true,
  },
  iface: {
    kind: "list",
    default: [],
    value: "name|address",
    help: "interface for traffic between hosts; may be repeated, the first that fits is used",
  },
  "iface-regex": {
    kind: "list",
    default: [],
    value: "regex",
    help: "the same by regular expression, on addresses first and then on names; tried after --iface",
  },
  "iface-can-reach": {
    kind: "string",
    default: "",
    value: "address",
    help: "the interface and source address that the kernel would reach this address by; tried last",
  },
  "public-ip": {
    kind: "string",
    default: "",
    value: "address",
    help: "IPv4 address that other hosts send to, when it is not the interface's (with --iface behind NAT)",
  },
  "public-ipv6": { kind: "string", default: "", value: "address", help: "the same for IPv6" },
  "subnet-file": {
    kind: "string",
    default: "/run/flannel/subnet.env",
    value: "file",
    help: "file that tells the CNI plugin and others this host's subnet",
  },
  "subnet-lease-renew-margin": {
    kind: "integer",
    default: 60,
    value: "minutes",
    help: "shortest life the lease may be left with (1 to 1439): it is renewed well before, and less is an error",
  },
  "subnet-lease-ttl": {
    kind: "integer",
    default: 86_400,
    value: "seconds",
    help: "life of the lease after its last renewal (2 to 31536000); renewed at least three times as often",
  },
  "ip-masq": { kind: "boolean", default: false, help: "masquerade traffic that leaves the overlay network" },
  "ip-masq-fully-random-disable": {
    kind: "boolean",
    default: false,
    help: "let masquerading keep source ports where it can",
  },
  "iptables-forward-rules": {
    kind: "boolean",
    default: true,
    help: "let forwarded traffic of the network through the FORWARD chain of iptables, and report firewalls that drop it",
  },
  "iptables-resync": {
    kind: "integer",
    default: 5,
    value: "seconds",
    help: "period of the full comparison with the kernel; changes in the kernel are answered at once without it",
  },
  firewall: {
    kind: "string",
    default: "auto",
    value: "name",
    help: "what traffic rules are written with: nftables, iptables, iptables-nft or iptables-legacy; auto: iptables where the network's EnableNFTables is false, else nftables, with an accept in iptables where that drops what is forwarded",
  },
  "source-filter": {
    kind: "boolean",
    default: true,
    help: "take encapsulated packets from the public addresses of live peers alone, and drop others",
  },
  "probe-interval": {
    kind: "integer",
    default: 10,
    value: "seconds",
    help: "how long to leave a peer alone between echo requests that measure loss, round trip and path MTU; one peer a second at most, whatever their number; 0 for none",
  },
  "udp-offloads": {
    kind: "string",
    default: "all",
    value: "name,…",
    help: "what the thread of the udp backend may use where the kernel does not carry the packets: all, none, or of batch, segment, receive and device; less is slower, and is for kernels and cards whose offloads are broken",
  },
  "ip-blackhole-route": {
    kind: "boolean",
    default: false,
    help: "drop traffic to addresses of this host's subnet that no container has",
  },
  "kube-subnet-mgr": { kind: "boolean", default: false, help: "refused in this build", refused: KUBERNETES },
  "kube-api-url": { kind: "string", default: "", value: "url", help: "refused in this build", refused: KUBERNETES },
  "kubeconfig-file": { kind: "string", default: "", value: "file", help: "refused in this build", refused: KUBERNETES },
  "kube-annotation-prefix": {
    kind: "string",
    default: "flannel.alpha.coreos.com",
    value: "prefix",
    help: "refused in this build",
    refused: KUBERNETES,
  },
  "net-config-path": {
    kind: "string",
    default: "/etc/kube-flannel/net-conf.json",
    value: "file",
    help: "refused in this build",
    refused: `${KUBERNETES}. The network configuration is read from <etcd-prefix>/config`,
  },
  "set-node-network-unavailable": {
    kind: "boolean",
    default: true,
    help: "accepted; without a Kubernetes node there is no condition to set",
  },
  "healthz-ip": { kind: "string", default: "0.0.0.0", value: "address", help: "address of the health server" },
  "healthz-port": { kind: "integer", default: 0, value: "port", help: "port of the health server; 0 for none" },
  v: {
    kind: "integer",
    default: 0,
    value: "level",
    help: "klog's verbosity: 0 is --log-level=info, 1 to 4 debug, 5 and more trace",
  },
  vmodule: {
    kind: "string",
    default: "",
    value: "pattern=N,…",
    help: "refused",
    refused: "log levels per source file belong to klog, which Loden does not use; set --log-level",
  },
  log_backtrace_at: {
    kind: "string",
    default: ":0",
    value: "file:line",
    help: "refused",
    refused: "backtraces at a source line belong to klog, which Loden does not use; set --log-level=trace",
  },
  "node-id": {
    kind: "string",
    default: "",
    value: "text",
    help: "identity of this host in its lease; derived from the machine id and the interface's MAC when absent",
  },
  "state-dir": {
    kind: "string",
    default: "/var/lib/loden",
    value: "dir",
    help: "directory for what this host knew last, from which it comes up while the store does not answer; empty for none",
  },
  "allow-extension-commands": {
    kind: "boolean",
    default: false,
    help: "let the network's configuration run commands on this host, as root (backend extension)",
  },
  "cni-socket": {
    kind: "string",
    default: "/run/loden/cni.sock",
    value: "file",
    help: "socket of the CNI plugins that stay in memory, which lodend keeps to make attaching containers quicker; empty for none",
  },
  release: {
    kind: "boolean",
    default: false,
    help: "give the lease back on SIGTERM or SIGINT, unless containers are attached: for hosts that come and go",
  },
  "log-level": { kind: "string", default: "", value: "level", help: "trace, debug, info, warn or error; default info" },
  "log-format": { kind: "string", default: "auto", value: "format", help: "json, text, or auto: text on a terminal" },
  version: { kind: "boolean", default: false, help: "print the version and exit" },
} as const satisfies {
  readonly [name: string]: FlagSpec<"string"> | FlagSpec<"boolean"> | FlagSpec<"integer"> | FlagSpec<"list">;
};

export type FlagName = keyof typeof FLAGS;

export type FlagValues = { -readonly [N in FlagName]: FlagValue[(typeof FLAGS)[N]["kind"]] };

export const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

export function flagSpec(name: FlagName): FlagSpec {
  return FLAGS[name];
}

/** `FLANNELD_ETCD_PREFIX` for `etcd-prefix`. */
export function environmentName(prefix: "FLANNELD" | "LODEN", name: FlagName): string {
  return `${prefix}_${name.toUpperCase().replaceAll(/[-.]/g, "_")}`;
}

/** The text of --help. */
export function usage(program: string): string {
  const lines = FLAG_NAMES.map((name) => {
    const spec = flagSpec(name);
    const head = spec.kind === "boolean" ? `  --${name}` : `  --${name}=${spec.value ?? ""}`;
    const isShown = spec.kind !== "list" && spec.default !== "" && spec.default !== false && spec.default !== 0;
    return `${head}\n        ${spec.help}${isShown ? ` (default ${String(spec.default)})` : ""}`;
  });
  return [
    `Usage: ${program} [--flag=value]...`,
    "",
    "Leases this host a subnet of the network described under <etcd-prefix>/config, carries traffic between the",
    "subnets of all hosts, and keeps the kernel as it should be. Takes flanneld's place.",
    "",
    "Each flag may also be given in the environment: --etcd-prefix as LODEN_ETCD_PREFIX or FLANNELD_ETCD_PREFIX.",
    "The command line comes before LODEN_, and LODEN_ before FLANNELD_. One dash and two are the same.",
    "",
    ...lines,
    "",
  ].join("\n");
}
