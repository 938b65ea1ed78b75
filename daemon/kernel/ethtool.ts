// Offloads of a link: SIOCETHTOOL of linux/sockios.h with struct ethtool_value of linux/ethtool.h, in the calling thread's
// network namespace. Node only, as the request holds an address.
import { NativeBuffer } from "./bpf/syscall.ts";
import type { Sys } from "./sys.ts";

const SIOCETHTOOL = 0x8946;
const ETHTOOL_GTXCSUM = 0x16;
const ETHTOOL_STXCSUM = 0x17;
/** struct ifreq: the name, and the address of the command. */
const IFREQ = { size: 40, data: 16 } as const;
const [AF_INET, SOCK_DGRAM] = [2, 2] as const;

/** Whether checksums of packets that leave by the link are left to it; what depends on that (TSO) goes with it. @throws Errno */
export function setsChecksums(sys: Sys, link: string): boolean {
  return ask(sys, link, ETHTOOL_GTXCSUM, 0) !== 0;
}

/** @throws Errno EOPNOTSUPP for a link that cannot change it */
export function letSetChecksums(sys: Sys, link: string, isOn: boolean): void {
  ask(sys, link, ETHTOOL_STXCSUM, isOn ? 1 : 0);
}

function ask(sys: Sys, link: string, command: number, value: number): number {
  using argument = new NativeBuffer(8);
  const view = new DataView(argument.bytes.buffer, argument.bytes.byteOffset, 8);
  view.setUint32(0, command, true);
  view.setUint32(4, value, true);
  const request = new Uint8Array(IFREQ.size);
  new TextEncoder().encodeInto(link, request.subarray(0, IFREQ.data - 1));
  new DataView(request.buffer).setBigUint64(IFREQ.data, argument.address, true);
  const fd = sys.socket(AF_INET, SOCK_DGRAM, 0);
  try {
    sys.ioctl(fd, SIOCETHTOOL, request);
  } finally {
    sys.close(fd);
  }
  return view.getUint32(4, true);
}
