// Which kinds of link Loden understands, and IFLA_LINKINFO, which carries them. A kind that is not here keeps its raw
// data and goes back to the kernel as it came.
import { readAttrs } from "../attr.ts";
import type { AttrWriter, Attrs } from "../attr.ts";
import { bareText } from "../fields.ts";
import { readBridge, writeBridge } from "./bridge.ts";
import type { BridgeKind } from "./bridge.ts";
import { readBridgePort, writeBridgePort } from "./bridge-port.ts";
import type { BridgePort } from "./bridge-port.ts";
import type { DummyKind } from "./dummy.ts";
import type { IfbKind } from "./ifb.ts";
import { readIpvlan, writeIpvlan } from "./ipvlan.ts";
import type { IpvlanKind } from "./ipvlan.ts";
import { readMacvlan, writeMacvlan } from "./macvlan.ts";
import type { MacvlanKind } from "./macvlan.ts";
import { readTun, writeTun } from "./tun.ts";
import type { TunKind } from "./tun.ts";
import { readVeth, writeVeth } from "./veth.ts";
import type { VethKind } from "./veth.ts";
import { readVlan, writeVlan } from "./vlan.ts";
import type { VlanKind } from "./vlan.ts";
import { readVrf, writeVrf } from "./vrf.ts";
import type { VrfKind } from "./vrf.ts";
import { readVxlan, writeVxlan } from "./vxlan.ts";
import type { VxlanKind } from "./vxlan.ts";

/** A kind Loden has no words for, with the bytes of IFLA_INFO_DATA where there were any. */
export interface OtherKind {
  readonly kind: "other";
  readonly name: string;
  readonly data?: Uint8Array;
}

/** The kind of a link, IFLA_INFO_KIND and _DATA; `kind` tells them apart. */
export type LinkKind =
  | VxlanKind
  | BridgeKind
  | VethKind
  | MacvlanKind
  | IpvlanKind
  | VlanKind
  | TunKind
  | DummyKind
  | IfbKind
  | VrfKind
  | OtherKind;

/** What a master says of the link that is its port (IFLA_INFO_SLAVE_KIND and _DATA). */
export type LinkPort = BridgePort | OtherKind;

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;

/** The kernel's name for a kind. */
export function kindName(kind: LinkKind | LinkPort): string {
  return kind.kind === "other" ? kind.name : kind.kind;
}

/** Writes the content of IFLA_LINKINFO. */
export function writeLinkInfo(writer: AttrWriter, kind: LinkKind | undefined, port: LinkPort | undefined): void {
  if (kind !== undefined) {
    bareText.write(writer, IFLA_INFO_KIND, kindName(kind));
    writeData(writer, IFLA_INFO_DATA, kind, (inner) => writeKind(inner, kind));
  }
  if (port !== undefined) {
    bareText.write(writer, IFLA_INFO_SLAVE_KIND, kindName(port));
    writeData(writer, IFLA_INFO_SLAVE_DATA, port, (inner) => {
      if (port.kind === "bridge") writeBridgePort(inner, port);
    });
  }
}

function writeKind(writer: AttrWriter, kind: LinkKind): void {
  switch (kind.kind) {
    case "vxlan":
      return writeVxlan(writer, kind);
    case "bridge":
      return writeBridge(writer, kind);
    case "veth":
      return writeVeth(writer, kind);
    case "macvlan":
      return writeMacvlan(writer, kind);
    case "ipvlan":
      return writeIpvlan(writer, kind);
    case "vlan":
      return writeVlan(writer, kind);
    case "tun":
      return writeTun(writer, kind);
    case "vrf":
      return writeVrf(writer, kind);
    case "dummy":
    case "ifb":
    case "other":
  }
}

/** Leaves the attribute out when the kind has nothing to say, as iproute2 does. */
function writeData(
  writer: AttrWriter,
  type: number,
  kind: LinkKind | LinkPort,
  fill: (inner: AttrWriter) => void,
): void {
  if (kind.kind === "other") {
    if (kind.data !== undefined) writer.bytes(type, kind.data);
  } else if (Object.keys(kind).length > 1) {
    writer.nestPlain(type, fill);
  }
}

/**
 * Reads the content of IFLA_LINKINFO.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readLinkInfo(info: Attrs): { kind?: LinkKind; port?: LinkPort } {
  const name = info.string(IFLA_INFO_KIND);
  const portName = info.string(IFLA_INFO_SLAVE_KIND);
  return {
    ...(name === undefined ? {} : { kind: readKind(name, info.get(IFLA_INFO_DATA)) }),
    ...(portName === undefined ? {} : { port: readPort(portName, info.get(IFLA_INFO_SLAVE_DATA)) }),
  };
}

const READERS: ReadonlyMap<string, (attrs: Attrs) => LinkKind> = new Map<string, (attrs: Attrs) => LinkKind>([
  ["vxlan", readVxlan],
  ["bridge", readBridge],
  ["veth", readVeth],
  ["macvlan", readMacvlan],
  ["ipvlan", readIpvlan],
  ["vlan", readVlan],
  ["tun", readTun],
  ["dummy", () => ({ kind: "dummy" })],
  ["ifb", () => ({ kind: "ifb" })],
  ["vrf", readVrf],
]);

function readKind(name: string, data: Uint8Array | undefined): LinkKind {
  const reader = READERS.get(name);
  return reader === undefined ? other(name, data) : reader(readAttrs(data ?? EMPTY));
}

function readPort(name: string, data: Uint8Array | undefined): LinkPort {
  return name === "bridge" ? readBridgePort(readAttrs(data ?? EMPTY)) : other(name, data);
}

function other(name: string, data: Uint8Array | undefined): OtherKind {
  // A copy: the attribute is a view of the receive buffer.
  return data === undefined ? { kind: "other", name } : { kind: "other", name, data: data.slice() };
}

const EMPTY = new Uint8Array(0);
