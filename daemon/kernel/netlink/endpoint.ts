// What request sockets and watches have in common: the addresses of netlink (struct sockaddr_nl, netlink(7)) and the sizes of
// socket buffers (socket(7)).
import { Errno } from "../sys.ts";
import type { Sys } from "../sys.ts";
import { AF_NETLINK, EPERM, SOL_SOCKET } from "./constants.ts";

/** struct sockaddr_nl: u16 family, u16 padding, u32 port id, u32 groups. */
const ADDRESS_SIZE = 12;

/** The kernel's address; given to bind(2), one of our own that the kernel chooses. */
export function netlinkAddress(): Uint8Array {
  const address = new Uint8Array(ADDRESS_SIZE);
  address[0] = AF_NETLINK;
  return address;
}

/** The port id in a sockaddr_nl; undefined when it is none. */
export function portIdOf(address: Uint8Array): number | undefined {
  if (address.length < ADDRESS_SIZE) return undefined;
  return (address[4]! | (address[5]! << 8) | (address[6]! << 16) | (address[7]! << 24)) >>> 0;
}

/** Sets a buffer size beyond the machine's limit where we may (CAP_NET_ADMIN), within it elsewhere. */
export function setBufferSize(sys: Sys, fd: number, forced: number, plain: number, bytes: number): number {
  try {
    sys.setsockopt(fd, SOL_SOCKET, forced, bytes);
  } catch (error) {
    if (!isErrno(error, EPERM)) throw error;
    sys.setsockopt(fd, SOL_SOCKET, plain, bytes);
  }
  return sys.getsockopt(fd, SOL_SOCKET, plain);
}

/** Whether an error is a system call's, with this errno. */
export function isErrno(error: unknown, errno: number): boolean {
  return error instanceof Errno && error.errno === errno;
}
