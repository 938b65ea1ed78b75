// What is particular to VXLAN devices: which of the many settings make one unfit to be adopted, and why one cannot be made,
// told from what else is there. drivers/net/vxlan/vxlan_core.c.
import type { NetlinkError } from "#kernel/netlink/error";
import type { VxlanKind } from "#kernel/netlink/kind/vxlan";
import type { Link } from "#kernel/netlink/link";
import type { VxlanSpec } from "../port.ts";

/**
 * Settings that ours never has and that cannot be changed in place or change what becomes of packets: answering for
 * neighbours, asking user space, another header, metadata from routes, a limit of entries, a fixed hop limit.
 */
const UNWANTED = [
  "proxy",
  "rsc",
  "l2miss",
  "l3miss",
  "gpe",
  "collectMetadata",
  "vniFilter",
  "remcsumTx",
  "remcsumRx",
  "ttlInherit",
] as const satisfies readonly (keyof VxlanKind)[];

/** Settings that must be 0 or not told. */
const ZERO = ["limit", "ttl", "tos", "flowLabel"] as const satisfies readonly (keyof VxlanKind)[];

/**
 * The device may become ours: no setting stands against it but those that are changed in place. A device that is there
 * has others' UDP checksum settings, source ports and ageing; they do no harm.
 */
export function isAdoptable(kind: VxlanKind): boolean {
  // A remote of its own (a group) would make the device flood.
  if (kind.group !== undefined) return false;
  if (kind.df !== undefined && kind.df !== "unset") return false;
  return UNWANTED.every((name) => kind[name] !== true) && ZERO.every((name) => (kind[name] ?? 0) === 0);
}

/** Who stands in the way of a device that the kernel refuses, and what to do; undefined where that is not known. */
export function whyRefused(
  name: string,
  want: VxlanSpec,
  { symbol }: NetlinkError,
  links: Iterable<Link>,
): string | undefined {
  if (symbol !== "EEXIST" && symbol !== "EADDRINUSE") return undefined;
  const others = [...links].flatMap((link) =>
    link.name !== name && link.kind?.kind === "vxlan" ? [{ name: link.name, kind: link.kind }] : [],
  );
  if (symbol === "EEXIST") {
    const rival = others.find(({ kind }) => kind.vni === want.vni && sharesFamily(kind, want));
    return (
      rival &&
      `interface ${rival.name} has the VNI ${want.vni} already: delete it, or give the network another Backend.VNI`
    );
  }
  const port = `UDP port ${want.port}`;
  const advice = "or give the network another Backend.Port";
  // Devices share a port's socket only if they read packets alike (VXLAN_F_RCV_FLAGS).
  const rival = others.find(({ kind }) => kind.port === want.port && sharesFamily(kind, want));
  if (rival !== undefined) {
    return `${port} is taken by interface ${rival.name}, whose settings (${flagsOf(rival.kind)}) are not those of ${name} (${flagsOf(want)}): delete it, ${advice}`;
  }
  return `${port} is taken by another program, which "ss -lunp sport = :${want.port}" names: stop it, ${advice}`;
}

/** A device without a local address is an IPv4 one. */
function sharesFamily({ local, collectMetadata }: VxlanKind, want: VxlanSpec): boolean {
  return collectMetadata === true || (local?.family ?? 4) === want.local.family;
}

function flagsOf(kind: Pick<VxlanKind, "gbp" | "gpe" | "collectMetadata" | "udpZeroCsum6Rx">): string {
  const names = { gbp: "gbp", gpe: "gpe", collectMetadata: "external", udpZeroCsum6Rx: "udp6zerocsumrx" } as const;
  const set = Object.entries(names).flatMap(([key, name]) => (kind[key as keyof typeof names] === true ? [name] : []));
  return set.length === 0 ? "plain" : set.join(", ");
}
