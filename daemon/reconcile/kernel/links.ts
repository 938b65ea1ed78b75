// The links of a namespace by name and by index: objects name their link, the kernel numbers it. Kept up to date by
// every dump and by notifications.
import { linkDump, linkGet, type Link } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";

export class Links {
  readonly #byName = new Map<string, Link>();
  readonly #byIndex = new Map<number, Link>();

  refresh(socket: NetlinkSocket): void {
    const links = linkDump(socket);
    this.#byName.clear();
    this.#byIndex.clear();
    for (const link of links) this.set(link);
  }

  /** Asks the kernel anew about one link. */
  look(socket: NetlinkSocket, name: string): Link | undefined {
    const link = linkGet(socket, { name });
    if (link === undefined) this.deleteName(name);
    else this.set(link);
    return link;
  }

  set(link: Link): void {
    const renamed = this.#byIndex.get(link.index);
    if (renamed !== undefined && renamed.name !== link.name) this.#byName.delete(renamed.name);
    this.deleteName(link.name);
    this.#byName.set(link.name, link);
    this.#byIndex.set(link.index, link);
  }

  deleteName(name: string): void {
    const link = this.#byName.get(name);
    if (link === undefined) return;
    this.#byName.delete(name);
    this.#byIndex.delete(link.index);
  }

  named(name: string): Link | undefined {
    return this.#byName.get(name);
  }

  at(index: number | undefined): Link | undefined {
    return index === undefined ? undefined : this.#byIndex.get(index);
  }

  all(): Iterable<Link> {
    return this.#byName.values();
  }
}
