// Network links: RTM_NEWLINK, RTM_DELLINK and RTM_GETLINK of linux/rtnetlink.h, attributes IFLA_* of linux/if_link.h.
// Builders are pure and give one message each, for NetlinkSocket.batch; dump and get talk to the kernel.
import type { Mac } from "../ip/mac.ts";
import { AttrWriter, Attrs, listAttrs, readAttrs } from "./attr.ts";
import { ENODEV, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { bool, headerView, i32, mac, name8, readFields, text, u32 } from "./fields.ts";
import type { Codec, Field } from "./fields.ts";
import { kindName, readLinkInfo, writeLinkInfo } from "./kind/registry.ts";
import type { LinkKind, LinkPort } from "./kind/registry.ts";
import { IFINFOMSG_LENGTH, LINK_FLAG, linkHeader, writeLinkAttributes } from "./link-attributes.ts";
import type { LinkRequest } from "./link-attributes.ts";
import { NameTable } from "./names.ts";
import { newMessage, plainMessage } from "./request.ts";
import type { NetlinkSocket } from "./socket.ts";
import { decodeError } from "./wire.ts";
import type { Message } from "./wire.ts";

export type { LinkKind, LinkPort } from "./kind/registry.ts";
export { LINK_FLAG } from "./link-attributes.ts";

/** RFC 2863 ifOperStatus as linux/if.h numbers it. */
export type OperState = "unknown" | "notpresent" | "down" | "lowerlayerdown" | "testing" | "dormant" | "up";

/** A link as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*, e.g. 1 for Ethernet. */
  readonly type: number;
  /** LINK_FLAG bits. */
  readonly flags: number;
  readonly up: boolean;
  readonly mtu: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  /** Absent for links whose hardware address is not an Ethernet one. */
  readonly mac?: Mac;
  readonly broadcast?: Mac;
  readonly permanentMac?: Mac;
  /** Index of the bridge or other device this one is a port of. */
  readonly master?: number;
  /** Index of the device below, or of a veth's peer; in namespace `parentNetnsId` when that is given. */
  readonly parent?: number;
  readonly parentNetnsId?: number;
  readonly alias?: string;
  readonly altNames?: readonly string[];
  readonly operState: OperState | number;
  readonly carrier?: boolean;
  readonly group?: number;
  readonly queueDiscipline?: string;
  readonly txQueueLength?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  /** How many want the device promiscuous. */
  readonly promiscuity?: number;
  readonly gsoMaxSize?: number;
  readonly gsoMaxSegments?: number;
  readonly groMaxSize?: number;
  readonly kind?: LinkKind;
  readonly port?: LinkPort;
}

/**
 * A link to make. The kernel takes neither an alias nor bridge port options here: send linkSet with the link's name
 * after it, in the same batch.
 */
export interface LinkSpec extends Omit<LinkRequest, "alias"> {
  readonly name: string;
  readonly kind: LinkKind;
}

/** A change to a link that exists. */
export interface LinkChange extends Omit<LinkRequest, "index" | "parent" | "parentNetnsId"> {
  readonly kind?: LinkKind;
  readonly port?: LinkPort;
}

/** Which link a request is about: its index, or its name where the index is not known yet. */
export type LinkRef = number | { readonly name: string };

/** Which links a dump is to give. */
export interface LinkFilter {
  /** Index of a bridge: its ports. */
  readonly master?: number;
  /** The kernel's name for the kind, e.g. "vxlan". */
  readonly kind?: string;
}

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWLINKPROP = 108;
const RTM_DELLINKPROP = 109;

const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;

/** Leave the counters out of answers: 300 bytes a link that nobody here reads. */
const RTEXT_FILTER_SKIP_STATS = 8;
/** Bytes: IFNAMSIZ without the NUL; longer names are alternative ones. */
const NAME_MAX = 15;

const OPER_STATES = new NameTable<OperState>({
  unknown: 0,
  notpresent: 1,
  down: 2,
  lowerlayerdown: 3,
  testing: 4,
  dormant: 5,
  up: 6,
});

/** The names in IFLA_PROP_LIST, where one type comes many times. */
const altNames: Codec<readonly string[]> = {
  read: (attrs, type) => {
    const list = attrs.get(type);
    if (list === undefined) return undefined;
    return listAttrs(list).flatMap(({ type, value }) =>
      type === IFLA_ALT_IFNAME ? [new Attrs([[type, value]]).string(type) ?? ""] : [],
    );
  },
  write: (writer, type, names) => {
    writer.nest(type, (inner) => {
      for (const name of names) inner.string(IFLA_ALT_IFNAME, name);
    });
  },
};

/** What a link reports beside its header, name, parent, master and kind. */
const FIELDS: readonly Field<Omit<Link, "type">>[] = [
  [1, "mac", mac],
  [2, "broadcast", mac],
  [54, "permanentMac", mac],
  [4, "mtu", u32],
  [50, "minMtu", u32],
  [51, "maxMtu", u32],
  [IFLA_MASTER, "master", u32],
  [37, "parentNetnsId", i32],
  [20, "alias", text],
  [IFLA_PROP_LIST, "altNames", altNames],
  [16, "operState", name8(OPER_STATES)],
  [33, "carrier", bool],
  [27, "group", u32],
  [6, "queueDiscipline", text],
  [13, "txQueueLength", u32],
  [31, "txQueues", u32],
  [32, "rxQueues", u32],
  [30, "promiscuity", u32],
  [41, "gsoMaxSize", u32],
  [40, "gsoMaxSegments", u32],
  [58, "groMaxSize", u32],
];

/** Makes a link; EEXIST when the name is taken. */
export function linkNew(spec: LinkSpec): Message {
  return newMessage(RTM_NEWLINK, "create", writeLink(spec, spec));
}

/** Changes a link that exists. To rename it, refer to it by index. */
export function linkSet(link: LinkRef, change: LinkChange): Message {
  if (typeof link === "number") return plainMessage(RTM_NEWLINK, writeLink({ ...change, index: link }, change));
  const { name: _, ...rest } = change;
  const writer = writeLink(rest, change);
  writeName(writer, link.name);
  return plainMessage(RTM_NEWLINK, writer);
}

/** Deletes a link, and a veth's peer with it. */
export function linkDelete(link: LinkRef): Message {
  return plainMessage(RTM_DELLINK, writeReference(link));
}

/** Adds or removes alternative names of a link, of up to 127 bytes each. */
export function linkAltNames(link: LinkRef, action: "add" | "remove", names: readonly string[]): Message {
  const writer = writeReference(link);
  altNames.write(writer, IFLA_PROP_LIST, names);
  if (action === "remove") return plainMessage(RTM_DELLINKPROP, writer);
  return { type: RTM_NEWLINKPROP, payload: writer.finish(), flags: NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND };
}

function writeLink(link: LinkRequest, { kind, port }: Pick<LinkChange, "kind" | "port">): AttrWriter {
  const writer = new AttrWriter(linkHeader(link));
  writeLinkAttributes(writer, link);
  if (kind !== undefined || port !== undefined) {
    writer.nestPlain(IFLA_LINKINFO, (inner) => writeLinkInfo(inner, kind, port));
  }
  return writer;
}

/** A header that names a link, by index or in an attribute. */
function writeReference(link: LinkRef): AttrWriter {
  if (typeof link === "number") return new AttrWriter(linkHeader({ index: link }));
  const writer = new AttrWriter(linkHeader({}));
  writeName(writer, link.name);
  return writer;
}

function writeName(writer: AttrWriter, name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  writer.string(bytes > NAME_MAX ? IFLA_ALT_IFNAME : IFLA_IFNAME, name);
}

/**
 * Reads the payload of an RTM_NEWLINK or RTM_DELLINK message.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeLink(payload: Uint8Array): Link {
  const header = headerView(payload, IFINFOMSG_LENGTH, "ifinfomsg");
  const attrs = readAttrs(payload, IFINFOMSG_LENGTH);
  const flags = header.getUint32(8, true);
  const parent = attrs.u32(IFLA_LINK);
  const info = attrs.nested(IFLA_LINKINFO);
  return {
    index: header.getInt32(4, true),
    name: attrs.string(IFLA_IFNAME) ?? "",
    type: header.getUint16(2, true),
    flags,
    up: (flags & LINK_FLAG.up) !== 0,
    mtu: 0,
    operState: "unknown",
    ...readFields(attrs, FIELDS),
    // 0 is said of tunnels that are bound to no device.
    ...(parent === undefined || parent === 0 ? {} : { parent }),
    ...(info === undefined ? {} : readLinkInfo(info)),
  };
}

/** All links of the socket's namespace, or those that the filter names. */
export function linkDump(socket: NetlinkSocket, filter: LinkFilter = {}): Link[] {
  const { master, kind } = filter;
  const writer = new AttrWriter(linkHeader({})).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  if (master !== undefined) writer.u32(IFLA_MASTER, master);
  if (kind !== undefined)
    writer.nestPlain(IFLA_LINKINFO, (inner) => writeLinkInfo(inner, { kind: "other", name: kind }, undefined));
  return socket
    .dump(plainMessage(RTM_GETLINK, writer))
    .map(({ payload }) => decodeLink(payload))
    .filter(
      (link) =>
        (master === undefined || link.master === master) &&
        (kind === undefined || (link.kind !== undefined && kindName(link.kind) === kind)),
    );
}

/**
 * One link, by index, name or alternative name. Undefined only when the kernel says that there is none.
 * @throws NetlinkError for any other answer than the link or ENODEV
 */
export function linkGet(
  socket: NetlinkSocket,
  link: { readonly name: string } | { readonly index: number },
): Link | undefined {
  const writer = writeReference("index" in link ? link.index : link).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  try {
    const answer = socket.request(plainMessage(RTM_GETLINK, writer)).find(({ type }) => type === RTM_NEWLINK);
    if (answer === undefined) throw decodeError("no link and no error in answer to RTM_GETLINK");
    return decodeLink(answer.payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ENODEV) return undefined;
    throw error;
  }
}
