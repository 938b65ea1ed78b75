// Whose a netlink socket is: the port id that notifications bear names the socket of whoever asked for the change
// (nlmsg_pid, RFC 3549 section 2.3.2). A process's first socket has its pid for a port id, libnl's sockets have the pid in
// the lower 22 bits, and others have a number by chance. /proc/net/netlink tells a socket's inode, and /proc/<pid>/fd
// whose it is.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** libnl puts its sockets' number above the pid (lib/socket.c, generate_local_port). */
const LIBNL_PID_BITS = 22;

/** linux/netlink.h */
const NETLINK_ROUTE = 0;

/**
 * `name (pid N)`, for a socket of NETLINK_ROUTE in the calling thread's network namespace; undefined for a process that
 * has ended, or one that cannot be seen from here. Looking through all processes takes milliseconds: ask seldom.
 */
export function processOfPort(port: number): string | undefined {
  const inode = socketInode(port);
  const likely = new Set([port, port % 2 ** LIBNL_PID_BITS]);
  if (inode === undefined) {
    // The socket is closed. Who has the port id for a pid, and lives, was it: ids are given to processes first.
    const name = processName(port);
    return name === undefined ? undefined : described(name, port);
  }
  const link = `socket:[${inode}]`;
  for (const pid of likely) if (holds(pid, link)) return described(processName(pid) ?? "", pid);
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && holds(pid, link)) return described(processName(pid) ?? "", pid);
  }
  return undefined;
}

export function described(name: string, pid: number): string {
  return `${name} (pid ${pid})`;
}

/** Columns of /proc/net/netlink: address, protocol, port id, groups, …, inode. */
function socketInode(port: number): string | undefined {
  for (const line of readText("/proc/thread-self/net/netlink").split("\n")) {
    const [, protocol, id, ...rest] = line.trim().split(/\s+/);
    if (Number(protocol) === NETLINK_ROUTE && Number(id) === port) return rest.at(-1);
  }
  return undefined;
}

function holds(pid: number, link: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => readlinkSync(`${directory}/${fd}`) === link);
  } catch {
    // The process, or one of its descriptors, has just gone, or is not ours to look at.
    return false;
  }
}

function processName(pid: number): string | undefined {
  const name = readText(`/proc/${pid}/comm`).trim();
  return name === "" ? undefined : name;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
