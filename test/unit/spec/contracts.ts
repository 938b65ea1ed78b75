// Every document contract with one valid document of its kind that sets every key the schema knows.
import {
  allocOptionsContract,
  extensionOptionsContract,
  udpOptionsContract,
  hostGwOptionsContract,
  vxlanOptionsContract,
} from "#spec/documents/backend-options";
import { bridgeConfContract } from "#spec/documents/cni-bridge";
import { confListContract } from "#spec/documents/cni-conf-list";
import { cniErrorContract } from "#spec/documents/cni-error";
import { flannelConfContract } from "#spec/documents/cni-flannel";
import { hostLocalConfContract } from "#spec/documents/cni-host-local";
import { loopbackConfContract } from "#spec/documents/cni-loopback";
import { netConfContract } from "#spec/documents/cni-net-conf";
import { cniResult020Contract, cniResult040Contract, cniResult110Contract } from "#spec/documents/cni-result";
import { runtimeConfigContract } from "#spec/documents/cni-runtime-config";
import { leaseContract, vxlanDataContract } from "#spec/documents/lease";
import { networkConfigContract } from "#spec/documents/network-config";
import { subnetEnvContract } from "#spec/documents/subnet-env";
import type { Contract } from "#spec/validate";
import { pluginSamples } from "./cni-contracts.ts";
import { metaPluginSamples } from "./cni-meta-contracts.ts";

const dns = { nameservers: ["10.0.0.1"], domain: "example", search: ["a.example"], options: ["ndots:5"] };
const route = { dst: "10.0.0.0/8", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 10, table: 254, scope: 0 };
const range = { subnet: "10.1.0.0/16", rangeStart: "10.1.0.2", rangeEnd: "10.1.9.9", gateway: "10.1.0.1" };
const attachments = [{ containerID: "c1", ifname: "eth0" }];
const netConf = {
  cniVersion: "1.1.0",
  name: "net_1.a-b",
  type: "bridge",
  capabilities: { mac: true },
  dns,
  prevResult: { Interfaces: [] },
  "cni.dev/valid-attachments": attachments,
  "cni.dev/attachments": attachments,
};

export interface Sample {
  readonly contract: Contract<unknown>;
  /** Name of the schema file and the generated module. */
  readonly schema: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export const SAMPLES: readonly Sample[] = [
  {
    contract: networkConfigContract,
    schema: "network-config",
    document: {
      EnableIPv4: true,
      EnableIPv6: true,
      EnableNFTables: false,
      Network: "10.5.0.0/16",
      SubnetMin: "10.5.1.0",
      SubnetMax: "10.5.9.0",
      SubnetLen: 24,
      IPv6Network: "fd00:5::/48",
      IPv6SubnetMin: "fd00:5:0:1::",
      IPv6SubnetMax: "fd00:5:0:9::",
      IPv6SubnetLen: 64,
      Backend: { Type: "vxlan", VNI: 7 },
    },
  },
  {
    contract: vxlanOptionsContract,
    schema: "backend-vxlan",
    document: {
      Type: "vxlan",
      VNI: 7,
      Port: 8472,
      MTU: 1500,
      GBP: true,
      Learning: false,
      DirectRouting: true,
      MacPrefix: "0E-2A",
    },
  },
  { contract: hostGwOptionsContract, schema: "backend-host-gw", document: { Type: "host-gw" } },
  {
    contract: extensionOptionsContract,
    schema: "backend-extension",
    document: {
      Type: "extension",
      PreStartupCommand: "cat /etc/machine-id",
      PostStartupCommand: "true",
      SubnetAddCommand: "ip route replace $SUBNET via $PUBLIC_IP",
      SubnetRemoveCommand: "ip route del $SUBNET",
      ShutdownCommand: "true",
    },
  },
  {
    contract: udpOptionsContract,
    schema: "backend-udp",
    document: { Type: "udp", Port: 8285, Datapath: "kernel" },
  },
  { contract: allocOptionsContract, schema: "backend-alloc", document: { Type: "alloc" } },
  {
    contract: leaseContract,
    schema: "lease",
    document: {
      PublicIP: "192.168.64.3",
      PublicIPv6: "fd00::3",
      BackendType: "vxlan",
      BackendData: { VNI: 1, VtepMAC: "c6:d2:32:6f:8f:44" },
      BackendV6Data: "anything",
      NodeID: "n1",
      Epoch: 3,
      Vacated: ["192.168.64.3"],
    },
  },
  { contract: vxlanDataContract, schema: "vxlan-data", document: { VNI: 1, VtepMAC: "c6:d2:32:6f:8f:44" } },
  {
    contract: subnetEnvContract,
    schema: "subnet-env",
    document: {
      FLANNEL_NETWORK: "10.5.0.0/16,10.6.0.0/16",
      FLANNEL_SUBNET: "10.5.3.1/24",
      FLANNEL_IPV6_NETWORK: "fd00:5::/48",
      FLANNEL_IPV6_SUBNET: "fd00:5:0:3::1/64",
      FLANNEL_MTU: "1450",
      FLANNEL_IPMASQ: "true",
    },
  },
  { contract: netConfContract, schema: "cni-net-conf", document: netConf },
  {
    contract: bridgeConfContract,
    schema: "cni-bridge",
    document: {
      ...netConf,
      bridge: "cni0",
      isGateway: true,
      isDefaultGateway: true,
      forceAddress: true,
      ipMasq: true,
      ipMasqBackend: "nftables",
      mtu: 1450,
      hairpinMode: true,
      promiscMode: false,
      vlan: 100,
      vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 299 }],
      preserveDefaultVlan: true,
      macspoofchk: true,
      enabledad: true,
      disableContainerInterface: false,
      portIsolation: true,
      ipam: { type: "host-local", Subnet: "of the IPAM plugin" },
      args: { cni: { mac: "02:00:00:00:00:01" } },
      runtimeConfig: { mac: "02:00:00:00:00:02" },
    },
  },
  {
    contract: hostLocalConfContract,
    schema: "cni-host-local",
    document: {
      ...netConf,
      ipam: {
        type: "host-local",
        ranges: [[range], [{ subnet: "fd00::/64" }]],
        ...range,
        routes: [route, { dst: "::/0" }],
        dataDir: "/var/lib/cni/networks",
        resolvConf: "/etc/resolv.conf",
        reclaimOnReboot: false,
      },
      args: { cni: { ips: ["10.1.0.7"] } },
      runtimeConfig: { ips: ["10.1.0.8/16", "fd00::8"], ipRanges: [[range]] },
    },
  },
  { contract: loopbackConfContract, schema: "cni-loopback", document: netConf },
  ...pluginSamples(netConf),
  ...metaPluginSamples(netConf),
  {
    contract: flannelConfContract,
    schema: "cni-flannel",
    document: {
      ...netConf,
      subnetFile: "/run/flannel/subnet.env",
      dataDir: "/var/lib/cni/flannel",
      delegate: { Type: "kept as it is", hairpinMode: true },
      ipam: { DataDir: "kept as it is", dataDir: "/x" },
      runtimeConfig: { portMappings: [{ HostPort: 80 }] },
    },
  },
  {
    contract: confListContract,
    schema: "cni-conf-list",
    document: {
      cniVersion: "1.0.0",
      cniVersions: ["1.0.0", "1.1.0"],
      name: "net",
      disableCheck: "true",
      disableGC: false,
      loadOnlyInlinedPlugins: "false",
      plugins: [netConf],
    },
  },
  {
    contract: runtimeConfigContract,
    schema: "cni-runtime-config",
    document: {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "10.0.0.1" }],
      bandwidth: { ingressRate: 1000, ingressBurst: 4294967295, egressRate: 0, egressBurst: 0 },
      ipRanges: [[range]],
      ips: ["10.1.0.8/16"],
      mac: "02:00:00:00:00:02",
      dns: { servers: ["10.0.0.1"], searches: ["example"], options: [] },
      infinibandGUID: "c2:11:22:33:44:55:66:77",
      deviceID: "0000:00:1f.6",
      aliases: ["web"],
      cgroupPath: "/kubelet/pod1",
    },
  },
  {
    contract: cniResult020Contract,
    schema: "cni-result-0.2.0",
    document: {
      cniVersion: "0.2.0",
      ip4: { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [route] },
      ip6: { ip: "fd00::5/64", gateway: "fd00::1", routes: [] },
      dns,
    },
  },
  {
    contract: cniResult040Contract,
    schema: "cni-result-0.4.0",
    document: {
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/x" }],
      ips: [{ version: "4", interface: 0, address: "10.1.0.5/16", gateway: "10.1.0.1" }],
      routes: [route],
      dns,
    },
  },
  {
    contract: cniResult110Contract,
    schema: "cni-result-1.1.0",
    document: {
      cniVersion: "1.1.0",
      interfaces: [
        {
          name: "eth0",
          mac: "02:00:00:00:00:02",
          sandbox: "/run/netns/x",
          mtu: 1450,
          socketPath: "/run/s",
          pciID: "0000:00:1f.6",
        },
      ],
      ips: [{ interface: 0, address: "10.1.0.5/16", gateway: "10.1.0.1" }],
      routes: [route],
      dns,
    },
  },
  {
    contract: cniErrorContract,
    schema: "cni-error",
    document: { cniVersion: "1.1.0", code: 7, msg: "invalid", details: "x" },
  },
];
