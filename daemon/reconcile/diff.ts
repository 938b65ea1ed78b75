// Compares desired with actual objects and says what to change. Pure.
import { FAMILIES } from "#kernel/ip/address";
import type {
  ActualObject,
  AddressSpec,
  Change,
  FdbSpec,
  KernelObject,
  LinkKindSpec,
  LinkSpec,
  NeighbourSpec,
  ObjectKind,
  OtherLinkSpec,
  RouteSpec,
  SysctlSpec,
  TunnelPeerSpec,
  TunnelSpec,
} from "./port.ts";

/** Kinds whose objects can bear our mark; one that is as it should be but lacks it is marked by an update. */
const MARKABLE: ReadonlySet<ObjectKind> = new Set(["link", "route", "nft-table"]);

/** What the comparison needs of the desired state. */
export interface DesiredView {
  get(key: string): KernelObject | undefined;
}

/** What the comparison needs of the actual state. */
export interface ActualView {
  get(key: string): ActualObject | undefined;
}

/**
 * The changes for `keys`, in their order. With `prune` off nothing is removed; an object that is not ours never is.
 */
export function diff(desired: DesiredView, actual: ActualView, keys: Iterable<string>, prune: boolean): Change[] {
  const changes: Change[] = [];
  for (const key of keys) {
    const object = desired.get(key);
    const found = actual.get(key);
    if (object === undefined) {
      if (found !== undefined && found.ours && prune) changes.push({ type: "remove", actual: found });
    } else if (found === undefined) {
      changes.push({ type: "add", object });
    } else if (!isMet(object, found)) {
      changes.push({ type: "update", object, actual: found });
    }
  }
  return changes;
}

/** The object is there as it should be, mark included. */
export function isMet(object: KernelObject, found: ActualObject): boolean {
  return (found.ours || !MARKABLE.has(object.kind)) && sameSpec(object, found);
}

/** What is there is what is wanted, whoever made it. What the wish leaves open, any value meets. */
export function sameSpec(object: KernelObject, found: KernelObject | ActualObject): boolean {
  if (object.spec === found.spec && object.kind === found.kind) return true;
  const key = object.kind;
  if (key === "link") return found.kind === key && sameLink(object.spec, found.spec);
  if (key === "address") return found.kind === key && sameAddress(object.spec, found.spec);
  if (key === "route") return found.kind === key && sameRoute(object.spec, found.spec);
  if (key === "neighbour") return found.kind === key && sameNeighbour(object.spec, found.spec);
  if (key === "fdb") return found.kind === key && sameFdb(object.spec, found.spec);
  if (key === "sysctl") return found.kind === key && meetsSysctl(object.spec, found.spec.value);
  if (key === "tunnel") return found.kind === key && sameTunnel(object.spec, found.spec);
  if (key === "tunnel-peer") return found.kind === key && sameTunnelPeer(object.spec, found.spec);
  // Its key is all there is to an element.
  if (key === "nft-element") return found.kind === key;
  if (key === "iptables") {
    return found.kind === key && JSON.stringify(found.spec.chains) === JSON.stringify(object.spec.chains);
  }
  return found.kind === key && JSON.stringify(found.spec.content) === JSON.stringify(object.spec.content);
}

/** The link cannot become what is wanted by changes in place: it has to be removed and made anew. */
export function needsReplacement(want: LinkSpec, is: LinkSpec | OtherLinkSpec): boolean {
  const [a, b] = [want.detail, is.detail];
  if (b.kind !== a.kind) return true;
  if (a.kind === "tun") return false;
  if (a.kind === "vxlan-gpe") return b.kind !== "vxlan-gpe" || a.port !== b.port;
  if (b.kind !== "vxlan") return true;
  // vxlan_changelink (drivers/net/vxlan) takes another source address of the same family and another underlay link.
  return !(a.vni === b.vni && a.port === b.port && a.local.family === b.local.family && a.gbp === b.gbp);
}

/** The kernel has one VXLAN device per VNI and address family: an unwanted one has to go before the wanted one can come. */
export function standsInTheWay({ spec }: ActualObject<"link">, wish: KernelObject<"link">): boolean {
  const [is, want] = [spec.detail, wish.spec.detail];
  return is.kind === "vxlan" && want.kind === "vxlan" && is.vni === want.vni && is.local.family === want.local.family;
}

function sameLink(want: LinkSpec, is: LinkSpec | OtherLinkSpec): boolean {
  return (
    !needsReplacement(want, is) &&
    "mtu" in is &&
    want.mtu === is.mtu &&
    want.up === is.up &&
    want.master === is.master &&
    sameVxlan(want.detail, is.detail) &&
    (want.mac === undefined || is.mac?.equals(want.mac) === true)
  );
}

/** Of a VXLAN device what can be changed in place; other kinds have nothing of that sort. */
function sameVxlan(want: LinkKindSpec, is: LinkKindSpec): boolean {
  if (want.kind !== "vxlan" || is.kind !== "vxlan") return want.kind === is.kind;
  return want.learning === is.learning && want.parent === is.parent && want.local.equals(is.local);
}

function sameTunnel(want: TunnelSpec, is: TunnelSpec): boolean {
  return (
    want.datapath === is.datapath &&
    want.link === is.link &&
    want.underlay === is.underlay &&
    want.port === is.port &&
    want.isDamaged === is.isDamaged &&
    FAMILIES.every((family) => same(want.local[family], is.local[family])) &&
    FAMILIES.every((family) => same(want.subnet[family], is.subnet[family]))
  );
}

function sameTunnelPeer(want: TunnelPeerSpec, is: TunnelPeerSpec): boolean {
  return (
    want.datapath === is.datapath &&
    want.isDamaged === is.isDamaged &&
    want.isSingle === is.isSingle &&
    want.subnet.equals(is.subnet) &&
    want.endpoint.equals(is.endpoint)
  );
}

function sameRoute(want: RouteSpec, is: RouteSpec): boolean {
  return (
    want.destination.equals(is.destination) &&
    want.link === is.link &&
    want.onlink === is.onlink &&
    want.mtu === is.mtu &&
    want.type === is.type &&
    want.metric === is.metric &&
    same(want.gateway, is.gateway) &&
    same(want.source, is.source)
  );
}

function sameAddress(want: AddressSpec, is: AddressSpec): boolean {
  return want.link === is.link && want.address.equals(is.address);
}

function sameNeighbour(want: NeighbourSpec, is: NeighbourSpec): boolean {
  return want.link === is.link && want.address.equals(is.address) && want.mac.equals(is.mac);
}

function sameFdb(want: FdbSpec, is: FdbSpec): boolean {
  return want.link === is.link && want.mac.equals(is.mac) && want.remote.equals(is.remote);
}

/** A sysctl that the kernel does not have is found with an empty value. */
function meetsSysctl(want: SysctlSpec, value: string): boolean {
  if (want.atLeast === true && value !== "" && Number(value) >= Number(want.value)) return true;
  return value === want.value || (want.ifPresent === true && value === "");
}

function same<T extends { equals(other: T): boolean }>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
