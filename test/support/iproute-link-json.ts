// What our decoder reads of links, in the words of `ip -N -d -j link`. See iproute-json.ts.
import type { Link, LinkKind, LinkPort } from "#kernel/netlink/link";
import { type Json, type NameOf, hex, onlyTrue } from "./iproute-json.ts";

const number = (value: boolean | undefined): number | undefined => (value === undefined ? undefined : Number(value));
/** iproute2 prints some numbers only when they are not zero. */
const unlessZero = (value: number | undefined): number | undefined => (value === 0 ? undefined : value);

export function linkAsIp(link: Link, nameOf: NameOf): Json {
  return {
    ifindex: link.index,
    ifname: link.name,
    link: link.parent === undefined || link.parentNetnsId !== undefined ? undefined : nameOf(link.parent),
    link_netnsid: link.parentNetnsId,
    link_type: `[${link.type}]`,
    mtu: link.mtu,
    min_mtu: link.minMtu,
    max_mtu: link.maxMtu,
    qdisc: link.queueDiscipline,
    master: link.master === undefined ? undefined : nameOf(link.master),
    operstate: typeof link.operState === "string" ? link.operState.toUpperCase() : link.operState,
    group: link.group === undefined ? undefined : `${link.group}`,
    txqlen: link.txQueueLength,
    address: link.mac?.toString(),
    broadcast: link.broadcast?.toString(),
    promiscuity: link.promiscuity,
    num_tx_queues: link.txQueues,
    num_rx_queues: link.rxQueues,
    gso_max_size: link.gsoMaxSize,
    gso_max_segs: link.gsoMaxSegments,
    gro_max_size: link.groMaxSize,
    ifalias: link.alias,
    altnames: link.altNames,
    linkinfo:
      link.kind === undefined && link.port === undefined
        ? undefined
        : { ...(link.kind && kindAsIp(link.kind, nameOf)), ...(link.port && portAsIp(link.port, nameOf)) },
  };
}

function kindAsIp(kind: LinkKind, nameOf: NameOf): Json {
  return { info_kind: kind.kind === "other" ? kind.name : kind.kind, info_data: dataAsIp(kind, nameOf) };
}

function dataAsIp(kind: LinkKind, nameOf: NameOf): Json | undefined {
  switch (kind.kind) {
    case "bridge":
      return {
        forward_delay: kind.forwardDelay,
        hello_time: kind.helloTime,
        max_age: kind.maxAge,
        ageing_time: kind.ageingTime,
        stp_state: kind.stpState,
        priority: kind.priority,
        vlan_filtering: number(kind.vlanFiltering),
        vlan_default_pvid: kind.vlanDefaultPvid,
        group_fwd_mask: kind.groupForwardMask?.toString(16),
        mcast_vlan_snooping: kind.boolOptions === undefined ? undefined : (kind.boolOptions.value >> 1) & 1,
        mcast_router: kind.multicastRouter,
        mcast_snooping: number(kind.multicastSnooping),
        mcast_query_use_ifaddr: number(kind.multicastQueryUseIfaddr),
        mcast_querier: number(kind.multicastQuerier),
        mcast_hash_max: kind.multicastHashMax,
        mcast_stats_enabled: number(kind.multicastStats),
        mcast_igmp_version: kind.multicastIgmpVersion,
        mcast_mld_version: kind.multicastMldVersion,
        nf_call_iptables: number(kind.nfCallIptables),
        nf_call_ip6tables: number(kind.nfCallIp6tables),
        nf_call_arptables: number(kind.nfCallArptables),
      };
    case "vxlan":
      return {
        id: kind.vni,
        link: kind.parent === undefined || kind.parent === 0 ? undefined : nameOf(kind.parent),
        local: kind.local?.family === 4 ? kind.local.toString() : undefined,
        local6: kind.local?.family === 6 ? kind.local.toString() : undefined,
        group: kind.group?.family === 4 && kind.group.isMulticast ? kind.group.toString() : undefined,
        group6: kind.group?.family === 6 && kind.group.isMulticast ? kind.group.toString() : undefined,
        remote: kind.group?.family === 4 && !kind.group.isMulticast ? kind.group.toString() : undefined,
        remote6: kind.group?.family === 6 && !kind.group.isMulticast ? kind.group.toString() : undefined,
        port: kind.port,
        port_range: kind.sourcePorts,
        tos: hex(unlessZero(kind.tos)),
        df: kind.df,
        label: hex(unlessZero(kind.flowLabel)),
        learning: kind.learning,
        ageing: unlessZero(kind.ageing),
        limit: unlessZero(kind.limit),
        proxy: onlyTrue(kind.proxy),
        rsc: onlyTrue(kind.rsc),
        l2miss: onlyTrue(kind.l2miss),
        l3miss: onlyTrue(kind.l3miss),
        udp_csum: kind.udpCsum,
        udp_zero_csum6_tx: kind.udpZeroCsum6Tx,
        udp_zero_csum6_rx: kind.udpZeroCsum6Rx,
        remcsum_tx: onlyTrue(kind.remcsumTx),
        remcsum_rx: onlyTrue(kind.remcsumRx),
        external: onlyTrue(kind.collectMetadata),
        vnifilter: onlyTrue(kind.vniFilter),
        gbp: kind.gbp,
        gpe: kind.gpe,
      };
    case "macvlan":
      return {
        mode: kind.mode,
        nopromisc: kind.flags === undefined ? undefined : (kind.flags & 1) !== 0 || undefined,
        bcqueuelen: kind.broadcastQueueLength,
        usedbcqueuelen: kind.broadcastQueueLengthUsed,
        macaddr_data: kind.sources?.map(String),
      };
    case "ipvlan":
      return {
        mode: kind.mode,
        private: kind.flags === undefined ? undefined : (kind.flags & 1) !== 0 || undefined,
        vepa: kind.flags === undefined ? undefined : (kind.flags & 2) !== 0 || undefined,
        bridge: kind.flags === undefined ? undefined : (kind.flags & 3) === 0 || undefined,
      };
    case "vlan":
      return {
        protocol: kind.protocol === 0x88a8 ? "802.1ad" : "802.1Q",
        id: kind.id,
        flags: vlanFlagNames(kind.flags?.flags ?? 0),
        ingress_qos: kind.ingressQos,
        egress_qos: kind.egressQos,
      };
    case "tun":
      return {
        type: kind.mode,
        pi: kind.packetInfo,
        vnet_hdr: kind.vnetHdr,
        multi_queue: kind.multiQueue,
        numqueues: kind.queues,
        numdisabled: kind.disabledQueues,
        persist: kind.persist,
        user: kind.owner,
        group: kind.group,
      };
    case "vrf":
      return { table: kind.table };
    case "veth":
    case "dummy":
    case "ifb":
    case "other":
      return undefined;
    default:
      return kind satisfies never;
  }
}

function portAsIp(port: LinkPort, nameOf: NameOf): Json {
  if (port.kind === "other") return { info_slave_kind: port.name };
  return {
    info_slave_kind: "bridge",
    info_slave_data: {
      state: port.state,
      priority: port.priority,
      cost: port.cost,
      hairpin: port.hairpin,
      guard: port.guard,
      root_block: port.rootBlock,
      fastleave: port.fastLeave,
      learning: port.learning,
      flood: port.unicastFlood,
      proxy_arp: port.proxyArp,
      proxy_arp_wifi: port.proxyArpWifi,
      multicast_router: port.multicastRouter,
      mcast_flood: port.multicastFlood,
      bcast_flood: port.broadcastFlood,
      mcast_to_unicast: port.multicastToUnicast,
      neigh_suppress: port.neighSuppress,
      group_fwd_mask: port.groupForwardMask?.toString(16),
      vlan_tunnel: port.vlanTunnel,
      isolated: port.isolated,
      locked: port.locked,
      backup_port: port.backupPort === undefined ? undefined : nameOf(port.backupPort),
    },
  };
}

/** VLAN_FLAG_* of linux/if_vlan.h. */
function vlanFlagNames(flags: number): string[] {
  return ["REORDER_HDR", "GVRP", "LOOSE_BINDING", "MVRP", "BRIDGE_BINDING"].filter(
    (_, bit) => (flags >> bit) % 2 === 1,
  );
}
