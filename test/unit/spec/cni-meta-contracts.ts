// The documents of the CNI plugins that come behind others in a chain, each with every key its schema knows.
import { bandwidthConfContract } from "#spec/documents/cni-bandwidth";
import { firewallConfContract } from "#spec/documents/cni-firewall";
import { portmapConfContract } from "#spec/documents/cni-portmap";
import { sbrConfContract } from "#spec/documents/cni-sbr";
import { tuningConfContract } from "#spec/documents/cni-tuning";
import { vrfConfContract } from "#spec/documents/cni-vrf";
import type { Sample } from "./contracts.ts";

const mac = "02:00:00:00:00:01";
const limits = { ingressRate: 8_000_000, ingressBurst: 80_000, egressRate: 8_000_000, egressBurst: 80_000 };
const subnets = { shapedSubnets: ["10.0.0.0/8"], unshapedSubnets: [] as string[] };
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.1" }];
const attributes = {
  sysctl: { "net.ipv4.ip_forward": "1" },
  mac,
  promisc: true,
  mtu: 1400,
  allmulti: false,
  txQLen: 5,
};

/** @param netConf what every plugin reads */
export function metaPluginSamples(netConf: Readonly<Record<string, unknown>>): readonly Sample[] {
  const sample = (contract: Sample["contract"], schema: string, document: object): Sample => ({
    contract,
    schema,
    document: { ...netConf, ...document },
  });
  return [
    sample(portmapConfContract, "cni-portmap", {
      ...{ backend: "iptables", snat: true, masqAll: false, markMasqBit: 5, externalSetMarkChain: "MARK-IT" },
      ...{ conditionsV4: ["-d", "192.0.2.0/24"], conditionsV6: ["!", "-s", "::1"], runtimeConfig: { portMappings } },
    }),
    sample(bandwidthConfContract, "cni-bandwidth", {
      ...{ ...limits, ...subnets },
      runtimeConfig: { bandwidth: { ...limits, ...subnets } },
    }),
    sample(firewallConfContract, "cni-firewall", {
      ...{ backend: "nftables", iptablesAdminChainName: "CNI-ADMIN" },
      ...{ firewalldZone: "trusted", ingressPolicy: "same-bridge" },
    }),
    sample(tuningConfContract, "cni-tuning", {
      ...{ ...attributes, dataDir: "/run/cni/tuning" },
      ...{ args: { cni: attributes }, runtimeConfig: { mac } },
    }),
    sample(sbrConfContract, "cni-sbr", { table: 5000, gateways: ["192.0.2.1", "2001:db8::1"], addSourceHints: true }),
    sample(vrfConfContract, "cni-vrf", { vrfname: "red", table: 1001 }),
  ];
}
