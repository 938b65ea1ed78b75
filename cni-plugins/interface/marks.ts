// How a link is traced to its attachment: the host's end of a veth pair by its name, which is made from the attachment,
// so that DEL finds it without a namespace; every link by its alias, which says whose it is, so that GC finds all of a
// network's, and DEL leaves another's alone.

/** Not the daemon's mark: what the daemon prunes must never be a container's. */
const ALIAS_PREFIX = "loden-cni";
/** IFALIASZ of linux/if.h without the final zero. */
const ALIAS_LIMIT = 255;
/** Longest network name that leaves room for the rest; longer ones are cut and hashed. */
const NETWORK_LIMIT = 96;
const CONTAINER_LIMIT = 120;

/** Groups have 32 bits in the kernel, and 31 for iproute2. */
const GROUP_MASK = 0x7fff_ffff;

/** FNV-1a, 32 bit: names want spread, not secrecy, and start-up must stay short. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193);
  }
  return value >>> 0;
}

function hash32(text: string): string {
  return hash(text).toString(16).padStart(8, "0");
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 9)}~${hash32(text)}`;
}

/** The host's name for an attachment's veth: `veth` and eight hexadecimal digits, as the reference plugin's. */
export function hostVethName(network: string, containerId: string, ifname: string): string {
  return `veth${hash32(`${network}:${containerId}:${ifname}`)}`;
}

/** The name under which a link is made before it gets the container's. */
export const passingName = hostVethName;

/** Another one, for when that is taken. */
export function randomVethName(): string {
  return `veth${Math.floor(Math.random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, "0")}`;
}

/** What the aliases of all veths of a network begin with. */
export function networkAlias(network: string): string {
  return `${ALIAS_PREFIX}:${shortened(network, NETWORK_LIMIT)}:`;
}

/**
 * The group in which a network's veth is made. The kernel takes no alias for a link that is being made; it is set by the
 * next request, which takes the link out of the group. So one that is in it was left by a process that ended in between.
 */
export function unfinishedGroup(network: string): number {
  return hash(`${ALIAS_PREFIX}:${network}`) & GROUP_MASK || 1;
}

export function attachmentAlias(network: string, containerId: string, ifname: string): string {
  return `${networkAlias(network)}${shortened(containerId, CONTAINER_LIMIT)}:${ifname}`.slice(0, ALIAS_LIMIT);
}

/** ALTIFNAMSIZ of linux/if.h leaves 127 bytes: these two parts, 15 of an interface and 12 of what stands between. */
const ALT_NETWORK_LIMIT = 40;
const ALT_CONTAINER_LIMIT = 60;

/** What the alternative names of all devices of a network begin with. */
export function networkAltName(network: string): string {
  return `${ALIAS_PREFIX}:${shortened(network, ALT_NETWORK_LIMIT)}:`;
}

/** The mark of a device that is moved, whose alias keeps its own name as the reference plugin has it. */
export function attachmentAltName(network: string, containerId: string, ifname: string): string {
  return `${networkAltName(network)}${shortened(containerId, ALT_CONTAINER_LIMIT)}:${ifname}`;
}

/** Whether an alias says that the link is some attachment's. Links of other programs, and old ones, have none. */
export function isMarked(alias: string | undefined): boolean {
  return alias?.startsWith(`${ALIAS_PREFIX}:`) === true;
}
