// Forwarding entry requests against what iproute2 6.1 sends for the same command, byte for byte. The recordings are in
// test/golden/netlink/fdb.txt.
import { describe } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { type FdbEntry, fdbDelete, fdbNew } from "#kernel/netlink/fdb";
import { NEIGHBOUR_FLAG } from "#kernel/netlink/neigh";
import type { Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings } from "../../../../golden/netlink/hold.ts";

const ip = (text: string): Address => Address.parse(text);
const mac = (last: number): Mac => Mac.parse(`02:00:00:00:00:0${last}`);
const LO = 1;
const FIRST = 2;
const PORT = 4;
/** `bridge fdb` calls both bits together permanent. */
const FDB_PERMANENT = 0xc0;
const FDB_STATIC = 0x42;
const fdb = (more: Partial<FdbEntry> = {}): FdbEntry => ({ index: FIRST, mac: mac(1), state: FDB_PERMANENT, ...more });

const FDB: Record<string, () => Message> = {
  "bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.168.0.2": () => fdbNew(fdb({ remote: ip("192.168.0.2") })),
  "bridge fdb replace 02:00:00:00:00:01 dev vx0 dst fd00::2 self permanent": () =>
    fdbNew(fdb({ remote: ip("fd00::2") }), "replace"),
  "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.0.3 port 4789 vni 9 via lo": () =>
    fdbNew(
      fdb({ mac: Mac.parse("00:00:00:00:00:00"), remote: ip("192.168.0.3"), port: 4789, vni: 9, via: LO }),
      "append",
    ),
  "bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.168.0.2 src_vni 77": () =>
    fdbNew(fdb({ remote: ip("192.168.0.2"), sourceVni: 77 })),
  "bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.168.0.2 self dynamic": () =>
    fdbNew(fdb({ remote: ip("192.168.0.2"), state: "reachable" })),
  "bridge fdb add 02:00:00:00:00:01 dev vx0 nhid 12 self": () => fdbNew(fdb({ nextHopId: 12 })),
  "bridge fdb add 02:00:00:00:00:01 dev p0 master static vlan 5": () =>
    fdbNew(fdb({ index: PORT, state: FDB_STATIC, flags: NEIGHBOUR_FLAG.master, vlan: 5 })),
  "bridge fdb add 02:00:00:00:00:01 dev p0 master sticky": () =>
    fdbNew(fdb({ index: PORT, flags: NEIGHBOUR_FLAG.master | NEIGHBOUR_FLAG.sticky })),
  "bridge fdb del 02:00:00:00:00:01 dev vx0 dst 192.168.0.2": () => fdbDelete(fdb({ remote: ip("192.168.0.2") })),
};

describe("a request is what iproute2 sends", () => {
  holdAgainstRecordings("fdb", FDB);
});
