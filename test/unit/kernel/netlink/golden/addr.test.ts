// Address requests against what iproute2 6.1 sends for the same command, byte for byte. The recordings are in
// test/golden/netlink/addr.txt.
import { describe } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, type LinkAddress, addrDelete, addrNew } from "#kernel/netlink/addr";
import type { Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings } from "../../../../golden/netlink/hold.ts";

const ip = (text: string): Address => Address.parse(text);
const net = (text: string): Prefix => Prefix.parse(text);
const LO = 1;
const address = (text: string, more: Partial<LinkAddress> = {}): LinkAddress => ({
  index: LO,
  address: net(text),
  ...more,
});

const ADDRESSES: Record<string, () => Message> = {
  "ip addr add 10.1.2.3/24 dev lo": () => addrNew(address("10.1.2.3/24")),
  "ip addr add 10.1.2.3/32 dev lo": () => addrNew(address("10.1.2.3/32")),
  "ip addr add 10.1.2.3/24 broadcast 10.1.2.255 label lo:1 dev lo": () =>
    addrNew(address("10.1.2.3/24", { broadcast: ip("10.1.2.255"), label: "lo:1" })),
  "ip addr add 10.1.2.3/24 broadcast + dev lo": () =>
    addrNew(address("10.1.2.3/24", { broadcast: net("10.1.2.3/24").last })),
  "ip addr add 10.1.2.3 peer 10.1.2.4/32 dev lo": () => addrNew(address("10.1.2.3/32", { peer: ip("10.1.2.4") })),
  "ip addr add 10.1.2.3/24 scope link dev lo": () => addrNew(address("10.1.2.3/24", { scope: "link" })),
  "ip addr add 127.0.0.2/8 dev lo": () => addrNew(address("127.0.0.2/8")),
  "ip addr add 10.1.2.3/24 metric 512 noprefixroute dev lo": () =>
    addrNew(address("10.1.2.3/24", { metric: 512, flags: ADDRESS_FLAG.noPrefixRoute })),
  "ip addr add 10.1.2.3/24 valid_lft 600 preferred_lft 300 dev lo": () =>
    addrNew(address("10.1.2.3/24", { lifetime: { valid: 600, preferred: 300 } })),
  "ip addr add 10.1.2.3/24 valid_lft forever preferred_lft 0 dev lo": () =>
    addrNew(address("10.1.2.3/24", { lifetime: { valid: Infinity, preferred: 0 } })),
  "ip addr add fd00::1/64 dev lo": () => addrNew(address("fd00::1/64")),
  "ip addr add fd00::1/64 nodad dev lo": () => addrNew(address("fd00::1/64", { flags: ADDRESS_FLAG.noDad })),
  "ip addr add fd00::1/64 nodad noprefixroute home mngtmpaddr dev lo": () =>
    addrNew(
      address("fd00::1/64", {
        flags:
          ADDRESS_FLAG.noDad | ADDRESS_FLAG.noPrefixRoute | ADDRESS_FLAG.homeAddress | ADDRESS_FLAG.manageTempAddress,
      }),
    ),
  "ip addr add fd00::1 peer fd00::2/128 dev lo": () => addrNew(address("fd00::1/128", { peer: ip("fd00::2") })),
  "ip addr add fe80::1/64 scope link dev lo": () => addrNew(address("fe80::1/64", { scope: "link" })),
  "ip addr replace 10.1.2.3/24 dev lo": () => addrNew(address("10.1.2.3/24"), "replace"),
  "ip addr del 127.0.0.1/8 dev lo": () => addrDelete(address("127.0.0.1/8")),
  "ip addr del fd00::1/64 dev lo": () => addrDelete(address("fd00::1/64")),
};

const DIFFERENCES = {
  // It works the broadcast address out after it has written the address.
  "ip addr add 10.1.2.3/24 broadcast + dev lo": { sorted: true },
} as const;

describe("a request is what iproute2 sends", () => {
  holdAgainstRecordings("addr", ADDRESSES, DIFFERENCES);
});
