// Kernel objects as netlink requests.
import { ADDRESS_FLAG, addrDelete, addrNew, type LinkAddress } from "#kernel/netlink/addr";
import { fdbDelete, fdbNew } from "#kernel/netlink/fdb";
import { linkDelete, linkNew, linkSet, type LinkChange, type LinkKind } from "#kernel/netlink/link";
import { neighDelete, neighNew, type Neighbour } from "#kernel/netlink/neigh";
import { routeDelete, routeNew, type Route } from "#kernel/netlink/route";
import type { Message } from "#kernel/netlink/wire";
import { LodenError } from "#spec/errors";
import { needsReplacement } from "../diff.ts";
import type { Marks } from "../marks.ts";
import type { ActualObject, AddressSpec, Change, KernelObject, LinkSpec, NeighbourSpec, RouteSpec } from "../port.ts";
import type { RouteHandle } from "./found.ts";
import type { Links } from "./links.ts";

/** IFLA_MASTER of a link that is nobody's port. */
const NO_MASTER = 0;

type Kind = "address" | "neighbour" | "fdb" | "route";

/**
 * Makes a link, or brings it to what it should be; all but putting it up, which waits for its sysctls and addresses.
 * @throws LodenError ERR_NETLINK when the underlay link is not there
 */
export function linkMessages(marks: Marks, links: Links, change: Change & { object: KernelObject<"link"> }): Message[] {
  const { spec } = change.object;
  const there = change.type === "update" && change.actual.kind === "link" ? change.actual : undefined;
  const alias = linkSet({ name: spec.name }, { alias: marks.linkAlias });
  if (there !== undefined && !needsReplacement(spec, there.spec)) {
    // Only what differs: a MAC that is set, even to what it was, costs the link its neighbours.
    const is = "mtu" in there.spec ? there.spec : undefined;
    const mtu = is?.mtu === spec.mtu ? {} : { mtu: spec.mtu };
    const mac = spec.mac === undefined || is?.mac?.equals(spec.mac) === true ? {} : { mac: spec.mac };
    const master = is?.master === undefined ? {} : { master: NO_MASTER };
    const changes = { ...mtu, ...mac, ...master, ...kindChange(links, spec, is) };
    return [...(Object.keys(changes).length === 0 ? [] : [linkSet({ name: spec.name }, changes)]), alias];
  }
  const mac = spec.mac === undefined ? {} : { mac: spec.mac };
  // The kernel takes no alias when it makes a link.
  const make = [linkNew({ name: spec.name, kind: linkKind(links, spec), mtu: spec.mtu, ...mac }), alias];
  return there === undefined ? make : [linkDelete({ name: spec.name }), ...make];
}

/** Of the device's own settings those that differ. */
function kindChange(links: Links, spec: LinkSpec, is: LinkSpec | undefined): Pick<LinkChange, "kind"> {
  if (spec.detail.kind !== "vxlan") return {};
  const { learning, local, parent } = spec.detail;
  const had = is?.detail.kind === "vxlan" ? is.detail : undefined;
  const changes = {
    ...(had?.learning === learning ? {} : { learning }),
    ...(had?.local.equals(local) === true ? {} : { local }),
    ...(had?.parent === parent ? {} : { parent: indexOf(links, parent, `link ${spec.name}`) }),
  };
  return Object.keys(changes).length === 0 ? {} : { kind: { kind: "vxlan", ...changes } };
}

export function linkUp(name: string): Message {
  return linkSet({ name }, { up: true });
}

export function linkDown(name: string): Message {
  return linkSet({ name }, { up: false });
}

/** @throws LodenError ERR_NETLINK when its link is not there */
export function addMessage(
  marks: Marks,
  links: Links,
  object: KernelObject<Kind>,
  mode: "create" | "replace",
): Message {
  if (object.kind === "route" && object.spec.type === "blackhole") {
    return routeNew(routeOf(marks, object.spec, undefined), mode);
  }
  const index = indexOf(links, object.spec.link, object.key);
  if (object.kind === "address") return addrNew(addressOf(object.spec, index), "replace");
  if (object.kind === "route") return routeNew(routeOf(marks, object.spec, index), mode);
  if (object.kind === "fdb") return fdbNew({ index, mac: object.spec.mac, remote: object.spec.remote }, "replace");
  // What the kernel put there by itself gives way, so there is nothing to tell apart.
  return neighNew({ ...neighbourOf(object.spec, index), protocol: marks.routeProtocol }, "replace");
}

/** Undefined when its link is gone, and it with the link. */
export function removeMessage(marks: Marks, links: Links, actual: ActualObject<Kind | "link">): Message | undefined {
  if (actual.kind === "link") return linkDelete({ name: actual.spec.name });
  const index = links.named(actual.spec.link)?.index;
  if (actual.kind === "route") {
    // Destination, gateway and device tell it from any other; its protocol may have been altered since it was made.
    const { protocol: _, ...route } = routeOf(marks, actual.spec, index);
    return routeDelete({ ...route, ...(actual.handle as RouteHandle | undefined) });
  }
  if (index === undefined) return undefined;
  if (actual.kind === "address") return addrDelete(addressOf(actual.spec, index));
  if (actual.kind === "neighbour") return neighDelete(neighbourOf(actual.spec, index));
  return fdbDelete({ index, mac: actual.spec.mac, remote: actual.spec.remote });
}

function linkKind(links: Links, spec: LinkSpec): LinkKind {
  // Metadata per packet is what the kernel asks of a GPE device; nobody here reads it.
  if (spec.detail.kind === "vxlan-gpe") {
    const { port } = spec.detail;
    return { kind: "vxlan", port, gpe: true, collectMetadata: true, learning: false, udpZeroCsum6Rx: true };
  }
  if (spec.detail.kind === "tun") return { kind: "tun" };
  const { vni, port, local, parent, learning, gbp } = spec.detail;
  return {
    kind: "vxlan",
    vni,
    parent: indexOf(links, parent, `link ${spec.name}`),
    local,
    learning,
    port,
    ...(gbp ? { gbp } : {}),
  };
}

function addressOf(spec: AddressSpec, index: number): LinkAddress {
  // The subnet is leased to this node alone: there is nobody to detect a duplicate of.
  return { index, address: spec.address, ...(spec.address.family === 6 ? { flags: ADDRESS_FLAG.noDad } : {}) };
}

function neighbourOf(spec: NeighbourSpec, index: number): Neighbour {
  return { index, address: spec.address, mac: spec.mac, state: "permanent" };
}

function routeOf(marks: Marks, spec: RouteSpec, oif: number | undefined): Route {
  return {
    destination: spec.destination,
    protocol: marks.routeProtocol,
    ...(oif === undefined ? {} : { oif }),
    ...(spec.gateway === undefined ? {} : { gateway: spec.gateway }),
    ...(spec.onlink ? { onlink: true } : {}),
    ...(spec.source === undefined ? {} : { source: spec.source }),
    ...(spec.mtu === undefined ? {} : { metrics: { mtu: spec.mtu } }),
    ...(spec.type === undefined ? {} : { type: spec.type }),
    ...(spec.metric === undefined ? {} : { priority: spec.metric }),
  };
}

function indexOf(links: Links, name: string, key: string): number {
  const link = links.named(name);
  if (link !== undefined) return link.index;
  throw new LodenError("ERR_NETLINK", `${key} cannot be made: there is no interface ${name}`, {
    fields: { key, link: name },
  });
}
