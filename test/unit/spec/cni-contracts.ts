// The documents of the CNI plugins that make one interface or give addresses, each with every key its schema knows.
import { dhcpConfContract } from "#spec/documents/cni-dhcp";
import { dummyConfContract } from "#spec/documents/cni-dummy";
import { hostDeviceConfContract } from "#spec/documents/cni-host-device";
import { ipvlanConfContract } from "#spec/documents/cni-ipvlan";
import { macvlanConfContract } from "#spec/documents/cni-macvlan";
import { ptpConfContract } from "#spec/documents/cni-ptp";
import { staticConfContract } from "#spec/documents/cni-static";
import { tapConfContract } from "#spec/documents/cni-tap";
import { vlanConfContract } from "#spec/documents/cni-vlan";
import { dhcpLeasesContract } from "#spec/documents/dhcp-leases";
import type { Sample } from "./contracts.ts";

const dns = { nameservers: ["10.0.0.1"], domain: "example", search: ["a.example"], options: ["ndots:5"] };
const route = { dst: "10.0.0.0/8", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 10, table: 254, scope: 0 };
const ipam = { type: "static", Addresses: "of the IPAM plugin" };
const link = { mtu: 1400, enabledad: true, ipam };
const mac = "02:00:00:00:00:01";

/** @param netConf what every plugin reads */
export function pluginSamples(netConf: Readonly<Record<string, unknown>>): readonly Sample[] {
  const sample = (contract: Sample["contract"], schema: string, document: object): Sample => ({
    contract,
    schema,
    document: { ...netConf, ...document },
  });
  return [
    sample(ptpConfContract, "cni-ptp", { ...link, ipMasq: true, ipMasqBackend: "iptables" }),
    sample(macvlanConfContract, "cni-macvlan", {
      ...{ ...link, master: "eth0", mode: "passthru", mac, linkInContainer: true, bcqueuelen: 100 },
      runtimeConfig: { mac },
    }),
    sample(ipvlanConfContract, "cni-ipvlan", { ...link, master: "eth0", mode: "l3s", linkInContainer: true }),
    sample(vlanConfContract, "cni-vlan", { ...link, master: "eth0", vlanId: 100, linkInContainer: false }),
    sample(dummyConfContract, "cni-dummy", link),
    sample(tapConfContract, "cni-tap", {
      ...{ ...link, multiQueue: true, mac, owner: 1000, group: 0, selinuxContext: "system_u:object_r:t:s0" },
      ...{ bridge: "br0", runtimeConfig: { mac } },
    }),
    sample(hostDeviceConfContract, "cni-host-device", {
      ...{ device: "eth1", hwaddr: mac, kernelpath: "/sys/devices/x", pciBusID: "0000:00:1f.6", enabledad: true, ipam },
      runtimeConfig: { deviceID: "0000:00:1f.6" },
    }),
    sample(dhcpConfContract, "cni-dhcp", {
      ipam: {
        ...{ type: "dhcp", daemonSocketPath: "/run/cni/dhcp.sock", priority: 100 },
        request: [{ skipDefault: true }, { option: "subnet-mask", skipDefault: false }],
        provide: [{ option: "host-name", value: "c1", fromArg: "K8S_POD_NAME" }],
      },
    }),
    {
      contract: dhcpLeasesContract,
      schema: "dhcp-leases",
      document: {
        leases: [
          {
            request: {
              ...{ method: "allocate", network: "net", containerId: "c1", ifname: "eth0", netns: "/run/netns/x" },
              ...{ requested: [1, 3], provided: [{ option: 12, value: [99, 49] }], priority: 100 },
              valid: [{ containerId: "c1", ifname: "eth0" }],
            },
            grant: { result: {}, server: "10.0.0.1", renewAfter: 60, rebindAfter: 105, expireAfter: 120 },
            grantedAt: 1_700_000_000_000,
          },
        ],
      },
    },
    sample(staticConfContract, "cni-static", {
      ipam: { type: "static", addresses: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }], routes: [route], dns },
      args: { cni: { ips: ["10.1.0.7/16"] } },
      runtimeConfig: { ips: ["fd00::8/64"] },
    }),
  ];
}
