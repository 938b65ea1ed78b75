// Policy routing rules: RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE and FRA_* of linux/fib_rules.h, net/core/fib_rules.c.
import { FAMILIES } from "../ip/address.ts";
import type { Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { readAttrs } from "./attr.ts";
import type { AttrWriter, Attrs } from "./attr.ts";
import {
  address,
  bool,
  decodeFamily,
  decodePrefix,
  familyNumber,
  headerView,
  readFields,
  text,
  u32,
  u8,
  writeFields,
} from "./fields.ts";
import type { Codec, Field } from "./fields.ts";
import { NameTable } from "./names.ts";
import { headed, newMessage, plainMessage } from "./request.ts";
import { ROUTE_TABLE } from "./route-types.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** What a rule does: FR_ACT_*. "table" looks the route up in `table`. */
export type RuleAction = "unspec" | "table" | "goto" | "nop" | "blackhole" | "unreachable" | "prohibit";

/** Inclusive. */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/** A rule, as asked for and as reported. Absent selectors match everything. */
export interface Rule {
  readonly family: Family;
  /** Smaller is earlier; absent in a request: before the first rule that is not at 0. */
  readonly priority?: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly tos?: number;
  /** Name of the incoming link. */
  readonly iif?: string;
  /** Name of the outgoing link. */
  readonly oif?: string;
  readonly mark?: number;
  readonly markMask?: number;
  readonly uidRange?: NumberRange;
  /** IPPROTO_*. */
  readonly ipProtocol?: number;
  readonly sourcePorts?: NumberRange;
  readonly destinationPorts?: NumberRange;
  readonly tunnelId?: bigint;
  /** Match packets that do not fit the selectors. */
  readonly invert?: boolean;
  /** Absent in a request: "table", or "goto" when `goto` is given. */
  readonly action?: RuleAction | number;
  /** Absent in a request: main. */
  readonly table?: number;
  /** Take the table of the l3mdev (VRF) the packet belongs to. */
  readonly l3mdev?: boolean;
  /** Priority of the rule to go on with. */
  readonly goto?: number;
  /** Pass over routes of this prefix length or shorter. */
  readonly suppressPrefixLength?: number;
  /** Pass over routes whose device is in this group. */
  readonly suppressGroup?: number;
  /** Realms for the route classifier. */
  readonly realms?: number;
  /** Who installed it, as ROUTE_PROTOCOL. */
  readonly protocol?: number;
  /** FIB_RULE_UNRESOLVED and the like: reported only. */
  readonly flags?: number;
}

/** Which rules a dump is to give. */
export interface RuleFilter {
  readonly family?: Family;
  readonly protocol?: number;
}

const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_TABLE = 15;

/** FIB_RULE_INVERT. */
const INVERT = 0x2;

/** sizeof(struct fib_rule_hdr): u8 family, to length, from length, tos, table, 2 reserved, action; u32 flags. */
const HEADER_LENGTH = 12;

/** FR_ACT_* */
const ACTIONS = new NameTable<RuleAction>({
  unspec: 0,
  table: 1,
  goto: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
});

/** struct fib_rule_port_range: two u16. */
const portRange: Codec<NumberRange> = {
  read: (attrs, type) => {
    const both = attrs.u32(type);
    return both === undefined ? undefined : { low: both & 0xffff, high: both >>> 16 };
  },
  write: (writer, type, { low, high }) => writer.u32(type, ((high << 16) | low) >>> 0),
};

/** struct fib_rule_uid_range: two u32. */
const uidRange: Codec<NumberRange> = {
  read: (attrs, type) => {
    const both = attrs.u64(type);
    return both === undefined ? undefined : { low: Number(both & 0xffff_ffffn), high: Number(both >> 32n) };
  },
  write: (writer, type, { low, high }) => writer.u64(type, (BigInt(high) << 32n) | BigInt(low)),
};

const u64be: Codec<bigint> = {
  read: (attrs, type) => {
    const value = attrs.get(type);
    return value === undefined ? undefined : headerView(value, 8, "number").getBigUint64(0);
  },
  write: (writer, type, value) => {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setBigUint64(0, value);
    writer.bytes(type, new Uint8Array(bytes.buffer));
  },
};

const FIELDS: readonly Field<Rule>[] = [
  [3, "iif", text],
  [4, "goto", u32],
  [6, "priority", u32],
  [10, "mark", u32],
  [11, "realms", u32],
  [12, "tunnelId", u64be],
  [13, "suppressGroup", u32],
  [14, "suppressPrefixLength", u32],
  [16, "markMask", u32],
  [17, "oif", text],
  [19, "l3mdev", bool],
  [20, "uidRange", uidRange],
  [21, "protocol", u8],
  [22, "ipProtocol", u8],
  [23, "sourcePorts", portRange],
  [24, "destinationPorts", portRange],
];

/** Adds a rule. The kernel refuses one that is the same in every selector (EEXIST), but not two of one priority. */
export function ruleNew(rule: Rule): Message {
  return newMessage(RTM_NEWRULE, "create", writeRule(rule, "new"));
}

/** Deletes the first rule that has everything that is given; what is absent, priority included, fits any. */
export function ruleDelete(rule: Rule): Message {
  return plainMessage(RTM_DELRULE, writeRule(rule, "delete"));
}

/** `delete` leaves action and table open where they are not given. */
function writeRule(rule: Rule, purpose: "new" | "delete"): AttrWriter {
  const { from, to } = rule;
  const action = rule.action ?? (purpose === "new" ? (rule.goto === undefined ? "table" : "goto") : "unspec");
  const looksUp = purpose === "new" && action === "table" && rule.l3mdev !== true;
  const table = rule.table ?? (looksUp ? ROUTE_TABLE.main : 0);
  const writer = headed(HEADER_LENGTH, (header) => {
    header.setUint8(0, familyNumber(rule.family));
    header.setUint8(1, to?.length ?? 0);
    header.setUint8(2, from?.length ?? 0);
    header.setUint8(3, rule.tos ?? 0);
    header.setUint8(4, table < 256 ? table : 0);
    header.setUint8(7, ACTIONS.number(action));
    header.setUint32(8, rule.invert === true ? INVERT : 0, true);
  });
  if (from !== undefined) address.write(writer, FRA_SRC, from.address);
  if (to !== undefined) address.write(writer, FRA_DST, to.address);
  writeFields(writer, FIELDS, rule);
  if (table >= 256) writer.u32(FRA_TABLE, table);
  return writer;
}

/**
 * Reads the payload of an RTM_NEWRULE or RTM_DELRULE message of IPv4 or IPv6.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeRule(payload: Uint8Array): Rule {
  const header = headerView(payload, HEADER_LENGTH, "fib_rule_hdr");
  const attrs = readAttrs(payload, HEADER_LENGTH);
  const family = decodeFamily(header.getUint8(0));
  const to = readSelector(attrs, FRA_DST, family, header.getUint8(1));
  const from = readSelector(attrs, FRA_SRC, family, header.getUint8(2));
  const flags = header.getUint32(8, true);
  const fields = readFields(attrs, FIELDS);
  return {
    family,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(header.getUint8(3) === 0 ? {} : { tos: header.getUint8(3) }),
    ...((flags & INVERT) === 0 ? {} : { invert: true }),
    ...((flags & ~INVERT) === 0 ? {} : { flags: (flags & ~INVERT) >>> 0 }),
    action: ACTIONS.name(header.getUint8(7)),
    table: attrs.u32(FRA_TABLE) ?? header.getUint8(4),
    // The kernel leaves out a mark of 0 and says by the mask alone that there is one.
    ...(fields.markMask === undefined ? {} : { mark: 0 }),
    ...fields,
  };
}

function readSelector(attrs: Attrs, type: number, family: Family, length: number): Prefix | undefined {
  const value = attrs.get(type);
  return value === undefined && length === 0 ? undefined : decodePrefix(family, value, length);
}

/** The rules of the socket's namespace in the order in which they are asked, of one family or IPv4's before IPv6's. */
export function ruleDump(socket: NetlinkSocket, filter: RuleFilter = {}): Rule[] {
  const families = filter.family === undefined ? FAMILIES : [filter.family];
  return families
    .flatMap((family) => {
      const writer = headed(HEADER_LENGTH, (header) => header.setUint8(0, familyNumber(family)));
      return socket.dump(plainMessage(RTM_GETRULE, writer));
    })
    .map(({ payload }) => decodeRule(payload))
    .filter((rule) => filter.protocol === undefined || rule.protocol === filter.protocol);
}
