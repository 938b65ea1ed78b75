// Queueing disciplines and their classes: RTM_*QDISC and RTM_*TCLASS of linux/rtnetlink.h (net/sched/sch_api.c).
import { readAttrs, Attrs } from "../attr.ts";
import { bareText } from "../fields.ts";
import { newMessage, plainMessage } from "../request.ts";
import type { NewMode } from "../request.ts";
import type { NetlinkSocket } from "../socket.ts";
import type { Message } from "../wire.ts";
import { readHtb, readHtbClass, writeHtb, writeHtbClass } from "./htb.ts";
import type { Htb, HtbClass } from "./htb.ts";
import { TCA, TCMSG_LENGTH, readTcHeader, tcWriter } from "./message.ts";
import type { TcPlace } from "./message.ts";
import { readTbf, writeTbf } from "./tbf.ts";
import type { Tbf } from "./tbf.ts";

export type { Htb, HtbClass } from "./htb.ts";
export type { Tbf } from "./tbf.ts";

/** The discipline that only has filters for what a device receives. */
export interface Ingress {
  readonly kind: "ingress";
}

/** One that Loden has no words for. */
export interface OtherDiscipline {
  readonly kind: "other";
  readonly name: string;
}

export type Discipline = Tbf | Htb | Ingress | OtherDiscipline;

/** A qdisc, as asked for and as reported. */
export interface Qdisc extends TcPlace {
  readonly discipline: Discipline;
}

/** A class of an htb, as asked for and as reported. */
export interface TrafficClass extends TcPlace {
  readonly htb: HtbClass;
}

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;
const RTM_NEWTCLASS = 40;
const RTM_GETTCLASS = 42;

/** Makes a qdisc; `replace` also takes the place of another at the same parent. */
export function qdiscNew(qdisc: Qdisc, mode: NewMode = "create"): Message {
  const { discipline } = qdisc;
  const writer = tcWriter(qdisc);
  writer.string(TCA.kind, discipline.kind === "other" ? discipline.name : discipline.kind);
  if (discipline.kind === "tbf") writer.nestPlain(TCA.options, (inner) => writeTbf(inner, discipline));
  if (discipline.kind === "htb") writer.nestPlain(TCA.options, (inner) => writeHtb(inner, discipline));
  return newMessage(RTM_NEWQDISC, mode, writer);
}

/**
 * Deletes the qdisc of a parent, with all its classes and filters. With a kernel's name for a kind, only one of that
 * kind: EINVAL for another, ENOENT or EINVAL where there is none.
 */
export function qdiscDelete(place: TcPlace, kind?: string): Message {
  const writer = tcWriter(place);
  if (kind !== undefined) writer.string(TCA.kind, kind);
  return plainMessage(RTM_DELQDISC, writer);
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeQdisc(payload: Uint8Array): Qdisc {
  const { index, handle, parent } = readTcHeader(payload);
  const attrs = readAttrs(payload, TCMSG_LENGTH);
  const name = bareText.read(attrs, TCA.kind) ?? "";
  return { index, handle, parent, discipline: readDiscipline(name, attrs) };
}

/** What another discipline has as options may be no attributes at all (pfifo_fast: a struct). */
function readDiscipline(name: string, attrs: Attrs): Discipline {
  if (name === "ingress") return { kind: "ingress" };
  const read = name === "tbf" ? readTbf : name === "htb" ? readHtb : undefined;
  return read?.(attrs.nested(TCA.options) ?? new Attrs()) ?? { kind: "other", name };
}

/** The qdiscs of a link. */
export function qdiscDump(socket: NetlinkSocket, index: number): Qdisc[] {
  return socket
    .dump(plainMessage(RTM_GETQDISC, tcWriter({ index })))
    .map(({ payload }) => decodeQdisc(payload))
    .filter((found) => found.index === index);
}

/** Makes a class of an htb. */
export function classNew(item: TrafficClass, mode: NewMode = "create"): Message {
  const writer = tcWriter(item).string(TCA.kind, "htb");
  writer.nestPlain(TCA.options, (inner) => writeHtbClass(inner, item.htb));
  return newMessage(RTM_NEWTCLASS, mode, writer);
}

/**
 * Undefined for a class of another discipline than htb.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeClass(payload: Uint8Array): TrafficClass | undefined {
  const { index, handle, parent } = readTcHeader(payload);
  const attrs = readAttrs(payload, TCMSG_LENGTH);
  if (bareText.read(attrs, TCA.kind) !== "htb") return undefined;
  const htb = readHtbClass(attrs.nested(TCA.options) ?? new Attrs());
  return htb === undefined ? undefined : { index, handle, parent, htb };
}

/** The htb classes of a link. */
export function classDump(socket: NetlinkSocket, index: number): TrafficClass[] {
  return socket
    .dump(plainMessage(RTM_GETTCLASS, tcWriter({ index })))
    .flatMap(({ payload }) => decodeClass(payload) ?? [])
    .filter((found) => found.index === index);
}
