// One entry of the index: which addresses an attachment holds, and since which boot of the machine. An entry is a
// symbolic link whose target is the text, so that reading one is one system call and none can be half written.

/** A reservation as the index knows it. */
export interface Reservation {
  /** The address, which is the name of the reservation's file. */
  readonly address: string;
  /** Modification time of that file in ns: tells it from one made later for the same attachment by another program. */
  readonly modified: bigint;
  /** /proc/sys/kernel/random/boot_id when it was made. */
  readonly boot: string;
}

/** NAME_MAX of linux/limits.h. */
const NAME_LIMIT = 255;

/** The two fields of an attachment, as host-local's own files separate them. */
const SEPARATOR = "\r\n";

/** The content of a reservation's file. Files of very old plugins have no interface name. */
export function ownerText(containerId: string, ifname: string): string {
  return ifname === "" ? containerId : `${containerId}${SEPARATOR}${ifname}`;
}

/** The entry of an attachment. Neither part can hold a colon, so no two attachments share one. */
export function entryName(containerId: string, ifname: string): string {
  const name = `${containerId}:${ifname}`;
  if (name.length <= NAME_LIMIT) return name;
  const { createHash } = process.getBuiltinModule("node:crypto");
  return `:${createHash("sha256").update(name).digest("hex")}`;
}

/** The entry that belongs to a reservation's content; undefined for content that no plugin writes. */
export function entryOfContent(content: string): string | undefined {
  const text = content.trim();
  if (text === "" || text.includes("\0")) return undefined;
  const [containerId = "", ifname = ""] = text.split(SEPARATOR);
  // Files made by hand may hold anything: an entry is a plain name that begins with no dot.
  return entryName(containerId.replaceAll("/", "%").replace(/^\./, "%"), ifname.replaceAll("/", "%"));
}

export function printEntry(reservations: readonly Reservation[]): string {
  return reservations.map(({ address, modified, boot }) => `${address} ${modified} ${boot}`).join(";");
}

/** What can be read of an entry; a part that cannot is left out, and the next rebuild finds it again. */
export function parseEntry(text: string): Reservation[] {
  return text.split(";").flatMap((part) => {
    const match = /^([\da-fA-F.:]+) (\d+) (\S+)$/.exec(part);
    return match === null ? [] : [{ address: match[1]!, modified: BigInt(match[2]!), boot: match[3]! }];
  });
}
