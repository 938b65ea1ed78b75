// What the CNI benchmark measures: plugins, alone and in chains, with their configurations and the ratios to Go's that are
// allowed. A chained plugin is measured upon a bridge that is made before and does not count.
import * as fs from "node:fs";
import path from "node:path";

export type SideName = "resident" | "stand-alone" | "Go";
export const SIDES: readonly SideName[] = ["resident", "stand-alone", "Go"];

/** Every side has names, addresses and directories of its own. */
export interface Place {
  /** The bridge, and the network's name. */
  readonly bridge: string;
  /** `10.<network>.0.0/16` and `fd00:<network>::/64`. */
  readonly network: number;
  readonly work: string;
}

/** One plugin of a list. */
export interface Step {
  readonly plugin: string;
  readonly config: (place: Place) => object;
  /** What is called with Go's plugins, where it is another. */
  readonly go?: Step;
  /** Done, but not counted. */
  readonly isGround?: boolean;
}

export interface Match {
  readonly title: string;
  readonly steps: readonly Step[];
  /** The ratios to Go's that are allowed. */
  readonly bars?: { readonly add?: number; readonly del?: number };
  /** Go's waits for duplicate address detection or for iptables: a part of the runs is enough. */
  readonly isSlow?: boolean;
  /** Before all runs, in the host's namespace. */
  readonly prepare?: (place: Place) => void;
  /** Another match whose times this one's are held against as well, each side with itself, and how much longer is allowed. */
  readonly flat?: { readonly title: string; readonly bar: number };
}

type Subnets = (network: number) => readonly string[];
export const IPV4: Subnets = (network) => [`10.${network}.0.0/16`];
const BOTH: Subnets = (network) => [...IPV4(network), `fd00:${network}::/64`];

/** Reservations of other containers. */
const RESERVATIONS = 4000;
/** Has no link to a peer, so that nothing but the plugin's work is measured; made by support of the benchmark. */
export const MASTER = "benmaster";

function hostLocal(subnets: Subnets, { bridge, network, work }: Place): object {
  const ranges = subnets(network).map((subnet) => [{ subnet }]);
  return { type: "host-local", dataDir: path.join(work, `ipam-${bridge}`), ranges };
}

function step(plugin: string, config: (place: Place) => object, more: Partial<Step> = {}): Step {
  return {
    plugin,
    config: (place) => ({ cniVersion: "1.0.0", name: place.bridge, type: plugin, ...config(place) }),
    ...more,
  };
}

function bridge(subnets: Subnets, options: object = {}): Step {
  return step("bridge", (place) => ({
    bridge: place.bridge,
    isDefaultGateway: true,
    ipam: hostLocal(subnets, place),
    ...options,
  }));
}

const GROUND: Step = { ...bridge(IPV4), isGround: true };

function ptp(subnets: Subnets): Step {
  return step("ptp", (place) => ({ ipam: hostLocal(subnets, place) }));
}

function macvlan(subnets: Subnets): Step {
  return step("macvlan", (place) => ({ master: MASTER, mode: "bridge", ipam: hostLocal(subnets, place) }));
}

const allocation = step("host-local", (place) => ({ ipam: hostLocal(IPV4, place) }));

function reserve({ bridge: name, network, work }: Place): void {
  const directory = path.join(work, `ipam-${name}`, name);
  fs.mkdirSync(directory, { recursive: true });
  for (let index = 0; index < RESERVATIONS; index++) {
    const number = index + 2;
    fs.writeFileSync(path.join(directory, `10.${network}.${number >> 8}.${number & 255}`), `other${index}\r\neth0`);
  }
}

const portmap = step("portmap", ({ network }) => ({
  capabilities: { portMappings: true },
  runtimeConfig: {
    portMappings: [
      { hostPort: 8000 + network, containerPort: 80, protocol: "tcp" },
      { hostPort: 9000 + network, containerPort: 53, protocol: "udp" },
    ],
  },
}));
const bandwidth = step("bandwidth", () => ({
  ...{ ingressRate: 8_000_000, ingressBurst: 8_000_000, egressRate: 8_000_000, egressBurst: 8_000_000 },
}));
/** The backend is named: Go's has no nftables. */
const firewall = step("firewall", () => ({ backend: "nftables" }), {
  go: step("firewall", () => ({ backend: "iptables" })),
});
const tuning = step("tuning", ({ work }) => ({
  ...{ dataDir: path.join(work, "tuning"), sysctl: { "net.ipv4.conf.all.log_martians": "1" }, mtu: 1400 },
}));
const sbr = step("sbr", () => ({}));

function flannelConfig({ bridge: name, network, work }: Place): object {
  const subnetFile = path.join(work, `${name}.env`);
  fs.writeFileSync(
    subnetFile,
    `FLANNEL_NETWORK=10.${network}.0.0/16\nFLANNEL_SUBNET=10.${network}.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`,
  );
  return {
    cniVersion: "0.3.1",
    subnetFile,
    dataDir: path.join(work, "flannel"),
    ipam: { dataDir: path.join(work, `ipam-${name}`) },
    delegate: { bridge: name, hairpinMode: true, isDefaultGateway: true },
  };
}

const flannel = step("flannel", flannelConfig, {
  go: bridge((network) => [`10.${network}.3.0/24`], { hairpinMode: true, mtu: 1450 }),
});

export const CROWD_STEP = bridge(IPV4);

export const MATCHES: readonly Match[] = [
  { title: "loopback", steps: [step("loopback", () => ({}))] },
  { title: "bridge", steps: [bridge(IPV4)], bars: { add: 1.1, del: 1.1 } },
  { title: "bridge, ipMasq", steps: [bridge(IPV4, { ipMasq: true })], bars: { add: 0.4 } },
  { title: "bridge, dual stack", steps: [bridge(BOTH)], isSlow: true },
  {
    title: "bridge, dual stack, ipMasq",
    steps: [bridge(BOTH, { ipMasq: true })],
    bars: { add: 0.3 },
    isSlow: true,
  },
  { title: "flannel, against Go's bridge", steps: [flannel], bars: { add: 1.3 } },
  { title: "ptp", steps: [ptp(IPV4)] },
  { title: "ptp, dual stack", steps: [ptp(BOTH)], bars: { add: 0.05 }, isSlow: true },
  { title: "macvlan", steps: [macvlan(IPV4)] },
  { title: "macvlan, dual stack", steps: [macvlan(BOTH)], bars: { add: 0.05 }, isSlow: true },
  { title: "host-local", steps: [allocation] },
  {
    title: "host-local, 4,000 reservations",
    steps: [allocation],
    bars: { add: 0.3 },
    prepare: reserve,
    flat: { title: "host-local", bar: 1.2 },
  },
  {
    title: "static",
    steps: [
      step("static", ({ network }) => ({ ipam: { type: "static", addresses: [{ address: `10.${network}.0.9/16` }] } })),
    ],
  },
  { title: "portmap", steps: [GROUND, portmap], bars: { add: 0.3, del: 0.3 }, isSlow: true },
  { title: "bandwidth", steps: [GROUND, bandwidth] },
  { title: "firewall", steps: [GROUND, firewall], isSlow: true },
  { title: "tuning", steps: [GROUND, tuning] },
  { title: "sbr", steps: [GROUND, sbr] },
  {
    title: "chain bridge, ipMasq + portmap",
    steps: [bridge(IPV4, { ipMasq: true }), portmap],
    bars: { add: 0.4 },
    isSlow: true,
  },
  {
    title: "chain bridge, ipMasq + portmap + bandwidth + firewall + tuning",
    steps: [bridge(IPV4, { ipMasq: true }), portmap, bandwidth, firewall, tuning],
    isSlow: true,
  },
];
