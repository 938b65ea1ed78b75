// VLAN requests for bridge ports against what iproute2 6.1 sends for the same command, byte for byte. The recordings are
// in test/golden/netlink/vlan.txt.
import { describe } from "vitest";
import { portVlanAdd, portVlanDelete } from "#kernel/netlink/bridge-vlan";
import type { Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings } from "../../../../golden/netlink/hold.ts";

/** The bridge is the second link of its namespace, the veth's far end the third. */
const PORT = 4;

const VLANS: Record<string, () => Message> = {
  "bridge vlan add vid 100 dev p0 pvid untagged": () => portVlanAdd(PORT, [{ id: 100, pvid: true, untagged: true }]),
  "bridge vlan add vid 4094 dev p0": () => portVlanAdd(PORT, [{ id: 4094 }]),
  "bridge vlan add vid 7 dev p0 untagged": () => portVlanAdd(PORT, [{ id: 7, untagged: true }]),
  "bridge vlan del vid 1 dev p0": () => portVlanDelete(PORT, [{ id: 1 }]),
};

describe("a request is what iproute2 sends", () => {
  holdAgainstRecordings("vlan", VLANS);
});
