// How the host's end of a veth pair is traced to its attachment: by its name, which is made from the attachment, so
// that DEL finds it without a namespace; and by its alias, which says whose it is, so that GC finds all of a network's.

/** Not the daemon's mark: what the daemon prunes must never be a container's. */
const ALIAS_PREFIX = "loden-cni";
/** IFALIASZ of linux/if.h without the final zero. */
const ALIAS_LIMIT = 255;
/** Longest network name that leaves room for the rest; longer ones are cut and hashed. */
const NETWORK_LIMIT = 96;
const CONTAINER_LIMIT = 120;

/** FNV-1a, 32 bit: names want spread, not secrecy, and start-up must stay short. */
function hash32(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 9)}~${hash32(text)}`;
}

/** The host's name for an attachment's veth: `veth` and eight hexadecimal digits, as the reference plugin's. */
export function hostVethName(network: string, containerId: string, ifname: string): string {
  return `veth${hash32(`${network}:${containerId}:${ifname}`)}`;
}

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

export function attachmentAlias(network: string, containerId: string, ifname: string): string {
  return `${networkAlias(network)}${shortened(containerId, CONTAINER_LIMIT)}:${ifname}`.slice(0, ALIAS_LIMIT);
}
