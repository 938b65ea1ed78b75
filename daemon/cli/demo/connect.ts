// A TCP connection made by system calls, at once. Node makes its sockets a tick later, when the thread has left the
// namespace again; a descriptor connected here stays in the namespace it was made in.
import type { Address } from "#kernel/ip/address";
import { Errno, type Sys } from "#kernel/sys";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const POLLOUT = 4;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const CONNECT_TIMEOUT_MS = 2000;

/** A connected descriptor. Blocks the thread until the peer's kernel has answered. @throws Errno */
export function connectNow(sys: Sys, address: Address, port: number): number {
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const fd = sys.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  try {
    try {
      sys.connect(fd, socketAddress(address, port));
    } catch (error) {
      if (!(error instanceof Errno) || error.symbol !== "EINPROGRESS") throw error;
    }
    const ready = sys.poll([{ fd, events: POLLOUT, revents: 0 }], CONNECT_TIMEOUT_MS);
    const errno = ready === 0 ? ETIMEDOUT : sys.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    if (errno !== 0) throw new Errno(errno, "connect", `${address} port ${port}`);
    return fd;
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

const ETIMEDOUT = 110;

/** struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)). */
function socketAddress(address: Address, port: number): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address.toBytes(), address.family === 4 ? 4 : 8);
  return bytes;
}
