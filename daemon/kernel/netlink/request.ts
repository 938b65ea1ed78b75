// Building request messages: the flags by which NEW requests tell making from replacing (linux/netlink.h).
import { AttrWriter } from "./attr.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "./constants.ts";
import type { Message } from "./wire.ts";

/**
 * What to do when the object is there already. `create`: fail with EEXIST. `replace`: change it, or make it.
 * `append`: add one more way beside it (routes, VXLAN remotes). `prepend`: the same, in front of it (IPv4 routes).
 */
export type NewMode = "create" | "replace" | "append" | "prepend";

const FLAGS: Readonly<Record<NewMode, number>> = {
  create: NLM_F_CREATE | NLM_F_EXCL,
  replace: NLM_F_CREATE | NLM_F_REPLACE,
  append: NLM_F_CREATE | NLM_F_APPEND,
  prepend: NLM_F_CREATE,
};

/** A request that makes something. */
export function newMessage(type: number, mode: NewMode, writer: AttrWriter): Message {
  return { type, flags: FLAGS[mode], payload: writer.finish() };
}

/** A request that changes, deletes or asks. */
export function plainMessage(type: number, writer: AttrWriter): Message {
  return { type, flags: 0, payload: writer.finish() };
}

/** A writer behind a fixed header of `length` bytes, which `fill` writes. */
export function headed(length: number, fill: (header: DataView) => void): AttrWriter {
  const header = new DataView(new ArrayBuffer(length));
  fill(header);
  return new AttrWriter(new Uint8Array(header.buffer));
}
