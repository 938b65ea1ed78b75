// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What the programs of the udp backend share with the daemon: the maps' keys and values. daemon/backend/udp/layout.ts
 * writes and reads the same bytes. Addresses are in network order; an IPv4 address in 16 bytes is ::ffff:a.b.c.d.
 */
#ifndef LODEN_UDP_TUNNEL_H
#define LODEN_UDP_TUNNEL_H

#include <linux/if_ether.h>
#include <linux/types.h>

struct address {
	__u32 word[4];
};

/* One for the whole tunnel. */
struct config {
	/* Index of the tunnel's device, which inner packets leave by and come in by. */
	__u32 tunnel;
	/* Index of the underlay's interface. */
	__u32 underlay;
	/* The pass of a packet that the decap program has let in: its mark or its priority. Never 0. */
	__u32 admitted;
	/* Bytes in front of the IP header on the underlay: 14 of Ethernet, or 0. */
	__u32 link_header;
	/* UDP port of all nodes. */
	__be16 port;
	__u16 pad;
	/* Outer source addresses. */
	__be32 local4;
	struct address local6;
	/* This node's own subnets; a family without one has a mask of zeros and a base of ones, which no address fits. */
	__be32 subnet4;
	__be32 mask4;
	struct address subnet6;
	struct address mask6;
	/* Index of the device that cuts trains and makes checksums. */
	__u32 cutter;
};

struct route_key4 {
	__u32 length;
	__be32 address;
};

struct route_key6 {
	__u32 length;
	struct address address;
};

/* The peer reads datagrams as they are: what goes to it are single packets, with all checksums made. */
#define ROUTE_SINGLE 1

struct route4 {
	__be32 peer;
	__u32 flags;
};

struct route6 {
	struct address peer;
	__u32 flags;
};

/* How packets were last sent to a peer by the underlay's interface: what the kernel would find again for the next one. */
struct way {
	/* bpf_jiffies64() until which it holds. */
	__u64 until;
	/* Index of the interface, and the largest packet that the route takes. */
	__u32 link;
	__u32 mtu;
	struct ethhdr header;
	__u16 pad;
};

/* Per processor. Bytes are those of inner packets. */
struct counters {
	__u64 sent_packets;
	__u64 sent_bytes;
	__u64 sent_drops;
	__u64 received_packets;
	__u64 received_bytes;
	__u64 received_drops;
	struct way way;
};

/* What a router on the way told of the largest packet. */
struct path_mtu {
	/* bpf_ktime_get_ns() until which it holds. */
	__u64 until;
	__u32 mtu;
	__u32 pad;
};

/* ICMP errors of the current second, per processor. */
struct pace {
	__u64 second;
	__u64 count;
};

/* Why packets that no peer can be blamed for, or any, were dropped: indexes of the map `drops`, per processor. */
enum drop {
	DROP_UNKNOWN_SUBNET,
	DROP_NO_ROUTE,
	DROP_TOO_BIG,
	DROP_MALFORMED,
	DROP_FRAGMENT,
	DROP_NOT_A_PEER,
	DROP_FORGED_SOURCE,
	DROP_OTHER_DESTINATION,
	DROP_NOT_ADMITTED,
	DROP_KERNEL_REFUSED,
	DROP_REASONS,
};

#endif
