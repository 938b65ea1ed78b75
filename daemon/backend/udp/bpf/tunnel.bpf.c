// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The udp backend's data path in the kernel: bare IP packets in UDP datagrams, flannel's wire format (spec/udp.md).
 *
 *   encap   tc egress of the tunnel's device: finds the peer of the destination, puts IP and UDP in front, and sends
 *           the packet out by the route to the peer
 *   decap   tc ingress of the underlay's interface: takes datagrams for our port from live peers, and hands the inner
 *           packet to the tunnel's device
 *   admit   tc ingress of the tunnel's device: lets in what decap has let in, and nothing else
 *   single  tc ingress behind the cutter: does for single packets what encap does
 *
 * The cutter is a veth pair that can neither send trains nor leave checksums to others, so that the kernel cuts the trains and
 * makes the checksums of what is sent into it. Encap sends there what a peer could not read otherwise (ROUTE_SINGLE), and trains
 * that it cannot put headers in front of.
 *
 * There are two ways from decap to the device. Packets that gain nothing by it are stripped here and put there directly.
 * TCP and everything that is a train of segments (GSO) goes up to the device's own receiver: decap writes a VXLAN-GPE
 * header (draft-ietf-nvo3-vxlan-gpe) behind the UDP header, and the kernel takes the tunnel off. Only the kernel can clear
 * the marks that a tunnelled train bears (iptunnel_pull_offloads), without which it is cut into single packets, and it
 * joins what came as single packets (GRO). See spec/decisions/udp-datapath.md.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "tunnel.h"

/* Made by the daemon, which knows sizes and types (layout.ts); the linker's relocations name them. */
struct map;
extern struct map config __attribute__((section(".maps")));
extern struct map routes4 __attribute__((section(".maps")));
extern struct map routes6 __attribute__((section(".maps")));
extern struct map peers __attribute__((section(".maps")));
extern struct map counters __attribute__((section(".maps")));
extern struct map path_mtu __attribute__((section(".maps")));
extern struct map drops __attribute__((section(".maps")));
extern struct map pace __attribute__((section(".maps")));

#define AF_INET 2
#define AF_INET6 10

/* Of the IPv4 fragment field, RFC 791 section 3.1. */
#define DONT_FRAGMENT 0x4000
#define MORE_OR_OFFSET 0x3fff
#define OFFSET 0x1fff
/* Of the IPv6 fragment header, RFC 8200 section 4.5. */
#define IPPROTO_FRAGMENT 44
#define OFFSET6 0xfff8
/* Of a VLAN tag, IEEE 802.1Q: 0 tells a priority alone. */
#define VLAN_ID 0x0fff

/* linux/icmp.h and linux/icmpv6.h, which want the C library's headers. */
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_NET_UNREACH 0
#define ICMP_FRAG_NEEDED 4
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG 2
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_NOROUTE 0

struct icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	/* The MTU where there is one; in IPv4 in the lower half. */
	__be32 rest;
};

#define OUTER_TTL 64
/* The smallest MTU that a router may tell of: RFC 791 asks for 68, and Linux takes no less than 552 for its own. */
#define SMALLEST_MTU4 552
#define SMALLEST_MTU6 1280
/* RFC 1191 section 6.3: ten minutes. */
#define PATH_MTU_AGE (600ull * 1000000000ull)
/*
 * Ticks that a way holds for, of 1 to 10 ms: changes of routes and neighbours are followed so much later. Once in that time
 * the neighbour is asked about by the kernel, which keeps it alive.
 */
#define WAY_TICKS 8
/* ICMP errors a second and processor; Linux allows itself as many (net.ipv4.icmp_msgs_per_sec). */
#define ICMP_PACE 1000
/* RFC 792: what an error quotes behind the IP header. A TCP header whose checksum is still to be made cannot be cut. */
#define QUOTED 8
#define TCP_LENGTH 20
#define MAX_TOTAL 65535

/* draft-ietf-nvo3-vxlan-gpe: flags I (a VNI follows) and P (a protocol follows). */
#define GPE_FLAGS 0x0c
#define GPE_IPV4 1
#define GPE_IPV6 2

struct outer4 {
	struct iphdr ip;
	struct udphdr udp;
};

struct outer6 {
	struct ipv6hdr ip;
	struct udphdr udp;
};

struct gpe {
	__u8 flags;
	__u8 reserved[2];
	__u8 protocol;
	__be32 vni;
};

#define INLINE static __always_inline

INLINE struct config *the_config(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&config, &zero);
}

INLINE int drop(enum drop reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &key);
	if (count)
		(*count)++;
	return TC_ACT_SHOT;
}

INLINE struct counters *counters_of(const struct address *peer)
{
	struct counters *found = bpf_map_lookup_elem(&counters, peer);
	if (found)
		return found;
	struct counters none = {};
	bpf_map_update_elem(&counters, peer, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counters, peer);
}

INLINE int drop_sent(const struct address *peer, enum drop reason)
{
	struct counters *counts = counters_of(peer);
	if (counts)
		counts->sent_drops++;
	return drop(reason);
}

INLINE int drop_received(const struct address *peer, enum drop reason)
{
	struct counters *counts = bpf_map_lookup_elem(&counters, peer);
	if (counts)
		counts->received_drops++;
	return drop(reason);
}

INLINE struct address mapped(__be32 address)
{
	struct address result = { { 0, 0, bpf_htonl(0xffff), address } };
	return result;
}

INLINE int same_address(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

INLINE int within6(const struct address *a, const struct address *subnet, const struct address *mask)
{
	return (a->word[0] & mask->word[0]) == subnet->word[0] && (a->word[1] & mask->word[1]) == subnet->word[1] &&
	       (a->word[2] & mask->word[2]) == subnet->word[2] && (a->word[3] & mask->word[3]) == subnet->word[3];
}

INLINE struct address address_of(const struct in6_addr *from)
{
	struct address result;
	__builtin_memcpy(&result, from, sizeof(result));
	return result;
}

INLINE __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* Of a header without options whose checksum field is 0. */
INLINE __u16 ip_checksum(const struct iphdr *ip)
{
	const __u16 *word = (const void *)ip;
	__u32 sum = 0;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	return ~folded(sum);
}

INLINE __u32 segments(const struct __sk_buff *skb)
{
	return skb->gso_segs > 1 ? skb->gso_segs : 1;
}

/* ------------------------------------------------------------------------------------------------ ICMP errors */

/* What is to be told to the sender of a packet that does not leave. */
struct complaint {
	__u8 type;
	__u8 code;
	/* Network order: the MTU, or 0. In IPv4 it stands in the lower half. */
	__be32 rest;
};

INLINE int may_complain(void)
{
	__u32 zero = 0;
	struct pace *now = bpf_map_lookup_elem(&pace, &zero);
	if (!now)
		return 0;
	__u64 second = bpf_ktime_get_ns() / 1000000000ull;
	if (now->second != second) {
		now->second = second;
		now->count = 0;
	}
	return ++now->count <= ICMP_PACE;
}

/*
 * Cuts the packet to its header and what is quoted of the next one. How much that is, or 0: a packet whose checksum is
 * still to be made (CHECKSUM_PARTIAL) cannot be cut so short that the field goes. `partial` tells of such a packet.
 */
INLINE __u32 cut(struct __sk_buff *skb, __u32 header, __u8 protocol, int *partial)
{
	*partial = 0;
	if (protocol == IPPROTO_TCP) {
		if (bpf_skb_change_tail(skb, header + QUOTED, 0) == 0)
			return QUOTED;
		*partial = 1;
		return bpf_skb_change_tail(skb, header + TCP_LENGTH, 0) == 0 ? TCP_LENGTH : 0;
	}
	if (protocol == IPPROTO_UDP) {
		__u8 last;
		if (bpf_skb_load_bytes(skb, header + QUOTED - 1, &last, 1))
			return 0;
		if (bpf_skb_change_tail(skb, header + QUOTED - 1, 0) == 0) {
			if (bpf_skb_change_tail(skb, header + QUOTED, 0) ||
			    bpf_skb_store_bytes(skb, header + QUOTED - 1, &last, 1, 0))
				return 0;
			return QUOTED;
		}
		*partial = 1;
	}
	return bpf_skb_change_tail(skb, header + QUOTED, 0) == 0 ? QUOTED : 0;
}

/*
 * The sum over the quoted header of the next protocol, as it will be when somebody makes its checksum: over what is left
 * of the packet, from the sum over the pseudo header that stands in the field.
 */
INLINE __u32 quoted_sum(const __u8 *next, __u32 length, __u8 protocol, int partial)
{
	__u32 sum = length == TCP_LENGTH ? bpf_csum_diff(0, 0, (void *)next, TCP_LENGTH, 0)
					 : bpf_csum_diff(0, 0, (void *)next, QUOTED, 0);
	if (!partial)
		return folded(sum);
	__u16 seed = *(const __u16 *)(next + (protocol == IPPROTO_TCP ? 16 : 6));
	__u16 made = ~folded(sum);
	if (made == 0)
		made = 0xffff;
	return folded(folded(sum) + (__u16)~seed + made);
}

INLINE int deserves_complaint4(const struct iphdr *ip, __u8 icmp_type)
{
	/* RFC 1122 section 3.2.2: not for errors, not for later fragments, not to what is no single host. */
	if (ip->frag_off & bpf_htons(OFFSET))
		return 0;
	if (ip->protocol == IPPROTO_ICMP && icmp_type != ICMP_ECHO)
		return 0;
	__u8 first = bpf_ntohl(ip->saddr) >> 24;
	return first != 0 && first != 127 && first < 224;
}

/* The answer comes from the address that was asked for: one of this host's own would be a martian on its way in. */
INLINE int complain4(struct __sk_buff *skb, const struct config *cfg, struct complaint complaint, enum drop reason)
{
	struct iphdr ip;
	__u8 next[TCP_LENGTH] = {};
	struct {
		struct iphdr ip;
		struct icmp icmp;
	} answer = {};
	int partial;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.ihl != 5)
		return drop(reason);
	if (bpf_skb_load_bytes(skb, sizeof(ip), next, QUOTED) || !deserves_complaint4(&ip, next[0]) || !may_complain())
		return drop(reason);
	__u32 length = cut(skb, sizeof(ip), ip.protocol, &partial);
	if (!length)
		return drop(reason);
	if (length == TCP_LENGTH && bpf_skb_load_bytes(skb, sizeof(ip), next, TCP_LENGTH))
		return drop(reason);

	__u32 total = sizeof(answer) + sizeof(ip) + length;
	answer.ip.version = 4;
	answer.ip.ihl = 5;
	answer.ip.tot_len = bpf_htons(total);
	answer.ip.ttl = OUTER_TTL;
	answer.ip.protocol = IPPROTO_ICMP;
	answer.ip.saddr = ip.daddr;
	answer.ip.daddr = ip.saddr;
	answer.ip.check = ip_checksum(&answer.ip);
	answer.icmp.type = complaint.type;
	answer.icmp.code = complaint.code;
	answer.icmp.rest = complaint.rest;
	/* A header with its checksum sums up to 0xffff, which is nothing. */
	__u32 sum = bpf_csum_diff(0, 0, (void *)&answer.icmp, sizeof(answer.icmp), 0);
	sum = folded(sum) + quoted_sum(next, length, ip.protocol, partial);
	sum += folded(bpf_csum_diff(0, 0, (void *)&ip, sizeof(ip), 0));
	answer.icmp.checksum = ~folded(sum);

	if (bpf_skb_adjust_room(skb, sizeof(answer), BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, 0, &answer, sizeof(answer), 0))
		return drop(DROP_KERNEL_REFUSED);
	drop(reason);
	skb->mark = cfg->admitted;
	return bpf_redirect(cfg->tunnel, BPF_F_INGRESS);
}

INLINE int complain6(struct __sk_buff *skb, const struct config *cfg, struct complaint complaint, enum drop reason)
{
	struct ipv6hdr ip;
	__u8 next[TCP_LENGTH] = {};
	struct {
		struct ipv6hdr ip;
		struct icmp icmp;
	} answer = {};
	int partial;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || bpf_skb_load_bytes(skb, sizeof(ip), next, QUOTED))
		return drop(reason);
	/* RFC 4443 section 2.4 (e). A packet with extension headers gets no answer. */
	if (ip.saddr.in6_u.u6_addr8[0] == 0xff || ip.daddr.in6_u.u6_addr8[0] == 0xff)
		return drop(reason);
	if (ip.nexthdr != IPPROTO_TCP && ip.nexthdr != IPPROTO_UDP &&
	    !(ip.nexthdr == IPPROTO_ICMPV6 && next[0] == ICMPV6_ECHO_REQUEST))
		return drop(reason);
	if (!may_complain())
		return drop(reason);
	__u32 length = cut(skb, sizeof(ip), ip.nexthdr, &partial);
	if (!length)
		return drop(reason);
	if (length == TCP_LENGTH && bpf_skb_load_bytes(skb, sizeof(ip), next, TCP_LENGTH))
		return drop(reason);

	__u32 payload = sizeof(answer.icmp) + sizeof(ip) + length;
	answer.ip.version = 6;
	answer.ip.payload_len = bpf_htons(payload);
	answer.ip.nexthdr = IPPROTO_ICMPV6;
	answer.ip.hop_limit = OUTER_TTL;
	answer.ip.saddr = ip.daddr;
	answer.ip.daddr = ip.saddr;
	answer.icmp.type = complaint.type;
	answer.icmp.code = complaint.code;
	answer.icmp.rest = complaint.rest;
	/* The pseudo header of RFC 8200 section 8.1: both addresses, the length, the protocol. */
	__u32 sum = folded(bpf_csum_diff(0, 0, (void *)&answer.ip.saddr, 32, 0));
	sum += bpf_htons(payload) + bpf_htons(IPPROTO_ICMPV6);
	sum += folded(bpf_csum_diff(0, 0, (void *)&answer.icmp, sizeof(answer.icmp), 0));
	sum += folded(bpf_csum_diff(0, 0, (void *)&ip, sizeof(ip), 0));
	sum += quoted_sum(next, length, ip.nexthdr, partial);
	answer.icmp.checksum = ~folded(sum);

	if (bpf_skb_adjust_room(skb, sizeof(answer), BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, 0, &answer, sizeof(answer), 0))
		return drop(DROP_KERNEL_REFUSED);
	drop(reason);
	skb->mark = cfg->admitted;
	return bpf_redirect(cfg->tunnel, BPF_F_INGRESS);
}

/* ------------------------------------------------------------------------------------------------------- encap */

/* The length of one packet on the tunnel: of a train, that of one of its segments with all headers. */
INLINE __u32 inner_length(const struct __sk_buff *skb, __u32 length, __u32 header, __u8 protocol)
{
	if (!skb->gso_size)
		return length;
	if (protocol != IPPROTO_TCP)
		return header + sizeof(struct udphdr) + skb->gso_size;
	__u8 offset = 0x50;
	bpf_skb_load_bytes(skb, header + 12, &offset, 1);
	return header + (offset >> 4) * 4 + skb->gso_size;
}

/* The largest packet to the peer, as a router told, or 0. */
INLINE __u32 told_mtu(const struct address *peer, __u32 length)
{
	if (length <= SMALLEST_MTU4)
		return 0;
	struct path_mtu *told = bpf_map_lookup_elem(&path_mtu, peer);
	if (!told || told->mtu >= length || told->until < bpf_ktime_get_ns())
		return 0;
	return told->mtu;
}

/*
 * A packet that is in a tunnel of the container's own takes no second mark (EALREADY). One packet alone needs none, as its
 * innermost checksum stays where it is; a train would be cut wrong, and is refused.
 */
INLINE long make_room(struct __sk_buff *skb, __u32 size, __u64 outer)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | outer;
	long answer = bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, flags);
	if (answer && !skb->gso_size)
		answer = bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, 0);
	return answer;
}

INLINE int is_found(long answer)
{
	return answer == BPF_FIB_LKUP_RET_SUCCESS || answer == BPF_FIB_LKUP_RET_NO_NEIGH;
}

/* Lets the kernel cut the train and make checksums; the packets come by again behind the cutter. */
INLINE int cut_train(struct __sk_buff *skb, const struct config *cfg, const struct address *peer)
{
	struct ethhdr link = { .h_proto = skb->protocol };
	if (!cfg->cutter || bpf_skb_change_head(skb, ETH_HLEN, 0) || bpf_skb_store_bytes(skb, 0, &link, sizeof(link), 0))
		return drop_sent(peer, DROP_KERNEL_REFUSED);
	return bpf_redirect(cfg->cutter, 0);
}

INLINE int is_way_known(const struct counters *counts, __u32 length)
{
	return counts && length <= counts->way.mtu && bpf_jiffies64() < counts->way.until;
}

/* Only of the underlay's own interface is known what is in front of its packets. */
INLINE void keep_way(struct counters *counts, const struct config *cfg, const struct bpf_fib_lookup *route, __be16 protocol)
{
	if (!counts || route->ifindex != cfg->underlay || cfg->link_header != ETH_HLEN)
		return;
	counts->way.link = route->ifindex;
	counts->way.mtu = route->mtu_result;
	__builtin_memcpy(counts->way.header.h_dest, route->dmac, ETH_ALEN);
	__builtin_memcpy(counts->way.header.h_source, route->smac, ETH_ALEN);
	counts->way.header.h_proto = protocol;
	counts->way.until = bpf_jiffies64() + WAY_TICKS;
}

/* The headers are written; hands the packet to the interface of the route. */
INLINE int send_by(const struct bpf_fib_lookup *route, long answer, __u32 underlay)
{
	struct bpf_redir_neigh next = {};
	/*
	 * The next hop may be told only where the kernel knows its hardware address: a packet that waits for one is sent
	 * on by its own route when it comes (neigh_update), which without a route of the kernel's finding is the inner one's.
	 */
	if (answer != BPF_FIB_LKUP_RET_SUCCESS)
		return bpf_redirect_neigh(is_found(answer) ? route->ifindex : underlay, 0, 0, 0);
	next.nh_family = route->family;
	__builtin_memcpy(next.ipv6_nh, route->ipv6_dst, sizeof(next.ipv6_nh));
	return bpf_redirect_neigh(route->ifindex, &next, sizeof(next), 0);
}

INLINE void count_sent(const struct __sk_buff *skb, struct counters *counts, __u32 bytes)
{
	if (!counts)
		return;
	counts->sent_packets += segments(skb);
	counts->sent_bytes += bytes;
}

INLINE int encap4(struct __sk_buff *skb, const struct config *cfg, const __u32 at)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + at;
	if ((void *)(ip + 1) > end) {
		if (bpf_skb_pull_data(skb, at + sizeof(*ip)))
			return drop(DROP_MALFORMED);
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
		ip = data + at;
		if ((void *)(ip + 1) > end)
			return drop(DROP_MALFORMED);
	}
	/* The kernel sends nothing else; whoever writes to the device himself may. */
	if (ip->version != 4 || ip->ihl < 5)
		return drop(DROP_MALFORMED);
	struct route_key4 key = { .length = 32, .address = ip->daddr };
	__u8 protocol = ip->protocol;
	__u32 header = ip->ihl * 4;
	struct route4 *remote = bpf_map_lookup_elem(&routes4, &key);
	if (!remote) {
		if (at)
			return drop(DROP_UNKNOWN_SUBNET);
		struct complaint unreachable = { .type = ICMP_DEST_UNREACH, .code = ICMP_NET_UNREACH };
		return complain4(skb, cfg, unreachable, DROP_UNKNOWN_SUBNET);
	}

	__u32 bytes = skb->len - at;
	__u32 total = bytes + sizeof(struct outer4);
	int is_single = remote->flags & ROUTE_SINGLE;
	struct address peer = mapped(remote->peer);
	struct bpf_fib_lookup route = {
		.family = AF_INET,
		.l4_protocol = IPPROTO_UDP,
		.sport = cfg->port,
		.dport = cfg->port,
		.tot_len = inner_length(skb, bytes, header, protocol) + sizeof(struct outer4),
		.ifindex = cfg->tunnel,
		.ipv4_src = cfg->local4,
		.ipv4_dst = peer.word[3],
	};
	__u32 mtu = told_mtu(&peer, route.tot_len);
	struct counters *counts = counters_of(&peer);
	int is_known = !mtu && is_way_known(counts, route.tot_len);
	long answer = is_known ? BPF_FIB_LKUP_RET_SUCCESS : bpf_fib_lookup(skb, &route, sizeof(route), 0);
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED && (!mtu || route.mtu_result < mtu))
		mtu = route.mtu_result;
	if (mtu) {
		struct complaint too_big = {
			.type = ICMP_DEST_UNREACH,
			.code = ICMP_FRAG_NEEDED,
			.rest = bpf_htonl(mtu - sizeof(struct outer4)),
		};
		if (at)
			return drop_sent(&peer, DROP_TOO_BIG);
		if (counts)
			counts->sent_drops++;
		return complain4(skb, cfg, too_big, DROP_TOO_BIG);
	}
	/* Without forwarding on the device there is no answer, and the underlay's interface it is. */
	if (!is_found(answer) && answer != BPF_FIB_LKUP_RET_FWD_DISABLED)
		return drop_sent(&peer, DROP_NO_ROUTE);
	if (!is_known && answer == BPF_FIB_LKUP_RET_SUCCESS)
		keep_way(counts, cfg, &route, bpf_htons(ETH_P_IP));
	if (!at && is_single)
		return cut_train(skb, cfg, &peer);

	/* What is longer than the field can say is a train, whose segments get their own. */
	__u16 length = total <= MAX_TOTAL ? total : 0;
	struct {
		__u16 align;
		struct ethhdr link;
		struct outer4 outer;
	} headers = {};
	if (is_known)
		headers.link = counts->way.header;
	headers.outer.ip.version = 4;
	headers.outer.ip.ihl = 5;
	headers.outer.ip.tot_len = bpf_htons(length);
	headers.outer.ip.frag_off = bpf_htons(DONT_FRAGMENT);
	headers.outer.ip.ttl = OUTER_TTL;
	headers.outer.ip.protocol = IPPROTO_UDP;
	headers.outer.ip.saddr = cfg->local4;
	headers.outer.ip.daddr = peer.word[3];
	headers.outer.ip.check = ip_checksum(&headers.outer.ip);
	headers.outer.udp.source = cfg->port;
	headers.outer.udp.dest = cfg->port;
	headers.outer.udp.len = length ? bpf_htons(length - sizeof(struct iphdr)) : 0;

	if (make_room(skb, sizeof(headers.outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV4))
		return at ? drop_sent(&peer, DROP_KERNEL_REFUSED) : cut_train(skb, cfg, &peer);
	/* Both ways of sending want a link header in front, which packets of the tunnel's device have not. */
	if ((!at && bpf_skb_change_head(skb, ETH_HLEN, 0)) ||
	    bpf_skb_store_bytes(skb, 0, &headers.link, sizeof(headers.link) + sizeof(headers.outer), 0))
		return drop_sent(&peer, DROP_KERNEL_REFUSED);
	count_sent(skb, counts, bytes);
	return is_known ? bpf_redirect(counts->way.link, 0) : send_by(&route, answer, cfg->underlay);
}

INLINE int encap6(struct __sk_buff *skb, const struct config *cfg, const __u32 at)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + at;
	if ((void *)(ip + 1) > end) {
		if (bpf_skb_pull_data(skb, at + sizeof(*ip)))
			return drop(DROP_MALFORMED);
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
		ip = data + at;
		if ((void *)(ip + 1) > end)
			return drop(DROP_MALFORMED);
	}
	if (ip->version != 6)
		return drop(DROP_MALFORMED);
	struct route_key6 key = { .length = 128, .address = address_of(&ip->daddr) };
	__u8 protocol = ip->nexthdr;
	struct route6 *remote = bpf_map_lookup_elem(&routes6, &key);
	if (!remote) {
		if (at)
			return drop(DROP_UNKNOWN_SUBNET);
		/* Neighbour discovery and its like, which each device sends: for nobody behind a tunnel, and no loss. */
		if ((key.address.word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
		    (key.address.word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
			return TC_ACT_SHOT;
		struct complaint unreachable = { .type = ICMPV6_DEST_UNREACH, .code = ICMPV6_NOROUTE };
		return complain6(skb, cfg, unreachable, DROP_UNKNOWN_SUBNET);
	}

	__u32 bytes = skb->len - at;
	__u32 total = bytes + sizeof(struct udphdr);
	int is_single = remote->flags & ROUTE_SINGLE;
	struct address peer = remote->peer;
	struct bpf_fib_lookup route = {
		.family = AF_INET6,
		.l4_protocol = IPPROTO_UDP,
		.sport = cfg->port,
		.dport = cfg->port,
		.tot_len = inner_length(skb, bytes, sizeof(*ip), protocol) + sizeof(struct outer6),
		.ifindex = cfg->tunnel,
	};
	__builtin_memcpy(route.ipv6_src, &cfg->local6, sizeof(route.ipv6_src));
	__builtin_memcpy(route.ipv6_dst, &peer, sizeof(route.ipv6_dst));
	__u32 mtu = told_mtu(&peer, route.tot_len);
	struct counters *counts = counters_of(&peer);
	int is_known = !mtu && is_way_known(counts, route.tot_len);
	long answer = is_known ? BPF_FIB_LKUP_RET_SUCCESS : bpf_fib_lookup(skb, &route, sizeof(route), 0);
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED && (!mtu || route.mtu_result < mtu))
		mtu = route.mtu_result;
	if (mtu) {
		struct complaint too_big = {
			.type = ICMPV6_PKT_TOOBIG,
			.rest = bpf_htonl(mtu - sizeof(struct outer6)),
		};
		if (at)
			return drop_sent(&peer, DROP_TOO_BIG);
		if (counts)
			counts->sent_drops++;
		return complain6(skb, cfg, too_big, DROP_TOO_BIG);
	}
	if (!is_found(answer) && answer != BPF_FIB_LKUP_RET_FWD_DISABLED)
		return drop_sent(&peer, DROP_NO_ROUTE);
	if (!is_known && answer == BPF_FIB_LKUP_RET_SUCCESS)
		keep_way(counts, cfg, &route, bpf_htons(ETH_P_IPV6));
	if (!at && is_single)
		return cut_train(skb, cfg, &peer);

	__u16 length = total <= MAX_TOTAL ? total : 0;
	struct {
		__u16 align;
		struct ethhdr link;
		struct outer6 outer;
	} headers = {};
	if (is_known)
		headers.link = counts->way.header;
	headers.outer.ip.version = 6;
	headers.outer.ip.payload_len = bpf_htons(length);
	headers.outer.ip.nexthdr = IPPROTO_UDP;
	headers.outer.ip.hop_limit = OUTER_TTL;
	__builtin_memcpy(&headers.outer.ip.saddr, &cfg->local6, sizeof(headers.outer.ip.saddr));
	__builtin_memcpy(&headers.outer.ip.daddr, &peer, sizeof(headers.outer.ip.daddr));
	headers.outer.udp.source = cfg->port;
	headers.outer.udp.dest = cfg->port;
	headers.outer.udp.len = bpf_htons(length);

	if (make_room(skb, sizeof(headers.outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV6))
		return at ? drop_sent(&peer, DROP_KERNEL_REFUSED) : cut_train(skb, cfg, &peer);
	/* Both ways of sending want a link header in front, which packets of the tunnel's device have not. */
	if ((!at && bpf_skb_change_head(skb, ETH_HLEN, 0)) ||
	    bpf_skb_store_bytes(skb, 0, &headers.link, sizeof(headers.link) + sizeof(headers.outer), 0))
		return drop_sent(&peer, DROP_KERNEL_REFUSED);
	count_sent(skb, counts, bytes);
	return is_known ? bpf_redirect(counts->way.link, 0) : send_by(&route, answer, cfg->underlay);
}

SEC("tc/encap")
int encap(struct __sk_buff *skb)
{
	struct config *cfg = the_config();
	if (!cfg)
		return TC_ACT_SHOT;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return encap4(skb, cfg, 0);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return encap6(skb, cfg, 0);
	return drop(DROP_MALFORMED);
}

SEC("tc/single")
int single(struct __sk_buff *skb)
{
	struct config *cfg = the_config();
	if (!cfg)
		return TC_ACT_SHOT;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return encap4(skb, cfg, ETH_HLEN);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return encap6(skb, cfg, ETH_HLEN);
	return TC_ACT_SHOT;
}

/* ------------------------------------------------------------------------------------------------------- decap */

INLINE void learn_mtu(const struct address *peer, __u32 mtu, __u32 smallest)
{
	struct path_mtu told = { .until = bpf_ktime_get_ns() + PATH_MTU_AGE, .mtu = mtu < smallest ? smallest : mtu };
	if (bpf_map_lookup_elem(&peers, peer))
		bpf_map_update_elem(&path_mtu, peer, &told, BPF_ANY);
}

/* A router says that a datagram of ours was too large. The packet goes its way, whatever it is. */
INLINE void hear_icmp4(struct __sk_buff *skb, const struct config *cfg, __u32 at)
{
	struct {
		struct icmp icmp;
		struct outer4 quoted;
	} heard;
	if (bpf_skb_load_bytes(skb, at, &heard, sizeof(heard)))
		return;
	if (heard.icmp.type != ICMP_DEST_UNREACH || heard.icmp.code != ICMP_FRAG_NEEDED || heard.quoted.ip.ihl != 5)
		return;
	if (heard.quoted.ip.protocol != IPPROTO_UDP || heard.quoted.ip.saddr != cfg->local4)
		return;
	if (heard.quoted.udp.source != cfg->port || heard.quoted.udp.dest != cfg->port)
		return;
	struct address peer = mapped(heard.quoted.ip.daddr);
	learn_mtu(&peer, bpf_ntohl(heard.icmp.rest) & 0xffff, SMALLEST_MTU4);
}

INLINE void hear_icmp6(struct __sk_buff *skb, const struct config *cfg, __u32 at)
{
	struct {
		struct icmp icmp;
		struct outer6 quoted;
	} heard;
	if (bpf_skb_load_bytes(skb, at, &heard, sizeof(heard)))
		return;
	if (heard.icmp.type != ICMPV6_PKT_TOOBIG || heard.quoted.ip.nexthdr != IPPROTO_UDP)
		return;
	struct address local = address_of(&heard.quoted.ip.saddr), peer = address_of(&heard.quoted.ip.daddr);
	if (!same_address(&local, &cfg->local6))
		return;
	if (heard.quoted.udp.source != cfg->port || heard.quoted.udp.dest != cfg->port)
		return;
	learn_mtu(&peer, bpf_ntohl(heard.icmp.rest), SMALLEST_MTU6);
}

INLINE void count_received(const struct __sk_buff *skb, const struct address *peer, __u32 bytes)
{
	struct counters *counts = counters_of(peer);
	if (!counts)
		return;
	counts->received_packets += segments(skb);
	counts->received_bytes += bytes;
}

/* Takes the outer headers off and puts the packet where the device receives. */
INLINE int strip(struct __sk_buff *skb, const struct config *cfg, __u32 outer, const struct address *peer)
{
	if (bpf_skb_adjust_room(skb, -(__s32)outer, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return drop_received(peer, DROP_KERNEL_REFUSED);
	skb->mark = cfg->admitted;
	return bpf_redirect(cfg->tunnel, BPF_F_INGRESS);
}

/*
 * Whether the inner source may be the peer's: it is in a subnet of it, or in none of the fabric's (a host that forwards
 * for others), and never in our own.
 */
INLINE int check_source4(const struct config *cfg, __be32 source, __be32 outer, const struct address *peer)
{
	struct route_key4 key = { .length = 32, .address = source };
	struct route4 *owner = bpf_map_lookup_elem(&routes4, &key);
	if (owner)
		return owner->peer == outer ? -1 : DROP_FORGED_SOURCE;
	if (!bpf_map_lookup_elem(&peers, peer))
		return DROP_NOT_A_PEER;
	return (source & cfg->mask4) == cfg->subnet4 ? DROP_FORGED_SOURCE : -1;
}

INLINE int check_source6(const struct config *cfg, const struct address *source, const struct address *peer)
{
	struct route_key6 key = { .length = 128, .address = *source };
	struct route6 *owner = bpf_map_lookup_elem(&routes6, &key);
	if (owner)
		return same_address(&owner->peer, peer) ? -1 : DROP_FORGED_SOURCE;
	if (!bpf_map_lookup_elem(&peers, peer))
		return DROP_NOT_A_PEER;
	return within6(source, &cfg->subnet6, &cfg->mask6) ? DROP_FORGED_SOURCE : -1;
}

INLINE int decap4(struct __sk_buff *skb, const struct config *cfg)
{
	__u32 at = cfg->link_header;
	struct outer4 outer;
	struct iphdr inner;
	if (at > ETH_HLEN || bpf_skb_load_bytes(skb, at, &outer.ip, sizeof(outer.ip)))
		return TC_ACT_UNSPEC;
	if (outer.ip.ihl < 5 || outer.ip.daddr != cfg->local4)
		return TC_ACT_UNSPEC;
	__u32 header = outer.ip.ihl * 4;
	if (outer.ip.protocol == IPPROTO_ICMP)
		hear_icmp4(skb, cfg, at + header);
	if (outer.ip.protocol != IPPROTO_UDP || (outer.ip.frag_off & bpf_htons(OFFSET)))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(skb, at + header, &outer.udp, sizeof(outer.udp)) || outer.udp.dest != cfg->port)
		return TC_ACT_UNSPEC;

	/* From here on the packet is ours, or nobody's. */
	struct address peer = mapped(outer.ip.saddr);
	if (outer.ip.frag_off & bpf_htons(MORE_OR_OFFSET))
		return drop_received(&peer, DROP_FRAGMENT);
	__u32 overhead = header + sizeof(struct udphdr);
	if (bpf_skb_load_bytes(skb, at + overhead, &inner, sizeof(inner)))
		return drop_received(&peer, DROP_MALFORMED);
	__u32 length = skb->len - at - overhead;
	if (inner.version != 4 || inner.ihl < 5)
		return drop_received(&peer, DROP_MALFORMED);
	if (!skb->gso_size) {
		__u32 told = bpf_ntohs(outer.udp.len);
		if (told < sizeof(struct udphdr) + sizeof(inner) || told - sizeof(struct udphdr) > length)
			return drop_received(&peer, DROP_MALFORMED);
		if (bpf_ntohs(inner.tot_len) > told - sizeof(struct udphdr) || bpf_ntohs(inner.tot_len) < inner.ihl * 4)
			return drop_received(&peer, DROP_MALFORMED);
		length = bpf_ntohs(inner.tot_len);
	}
	int refusal = check_source4(cfg, inner.saddr, outer.ip.saddr, &peer);
	if (refusal >= 0)
		return drop_received(&peer, refusal);
	if ((inner.daddr & cfg->mask4) != cfg->subnet4)
		return drop_received(&peer, DROP_OTHER_DESTINATION);
	count_received(skb, &peer, length);

	__u32 total = bpf_ntohs(outer.ip.tot_len) + sizeof(struct gpe);
	if ((inner.protocol != IPPROTO_TCP && !skb->gso_size) || header != sizeof(outer.ip) ||
	    total > MAX_TOTAL || outer.udp.len == 0)
		return strip(skb, cfg, overhead, &peer);
	struct {
		struct outer4 outer;
		struct gpe gpe;
	} tunnel = { .outer = outer, .gpe = { .flags = GPE_FLAGS, .protocol = GPE_IPV4 } };
	tunnel.outer.ip.tot_len = bpf_htons(total);
	tunnel.outer.ip.check = 0;
	tunnel.outer.ip.check = ip_checksum(&tunnel.outer.ip);
	tunnel.outer.udp.len = bpf_htons(bpf_ntohs(outer.udp.len) + sizeof(struct gpe));
	tunnel.outer.udp.check = 0;
	if (bpf_skb_adjust_room(skb, sizeof(struct gpe), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(skb, at, &tunnel, sizeof(tunnel), 0))
		return drop_received(&peer, DROP_KERNEL_REFUSED);
	skb->priority = cfg->admitted;
	return TC_ACT_UNSPEC;
}

/* Of a datagram of ours it is dropped, and counted; the rest of it then comes to nothing. */
INLINE int first_fragment6(struct __sk_buff *skb, const struct config *cfg, __u32 at, const struct address *peer)
{
	struct {
		__u8 next;
		__u8 reserved;
		__be16 offset;
		__be32 id;
		struct udphdr udp;
	} fragment;
	if (bpf_skb_load_bytes(skb, at, &fragment, sizeof(fragment)) || fragment.next != IPPROTO_UDP)
		return TC_ACT_UNSPEC;
	if ((fragment.offset & bpf_htons(OFFSET6)) || fragment.udp.dest != cfg->port)
		return TC_ACT_UNSPEC;
	return drop_received(peer, DROP_FRAGMENT);
}

INLINE int decap6(struct __sk_buff *skb, const struct config *cfg)
{
	__u32 at = cfg->link_header;
	struct outer6 outer;
	struct ipv6hdr inner;
	if (at > ETH_HLEN || bpf_skb_load_bytes(skb, at, &outer, sizeof(outer)))
		return TC_ACT_UNSPEC;
	struct address local = address_of(&outer.ip.daddr), peer = address_of(&outer.ip.saddr);
	if (!same_address(&local, &cfg->local6))
		return TC_ACT_UNSPEC;
	if (outer.ip.nexthdr == IPPROTO_ICMPV6)
		hear_icmp6(skb, cfg, at + sizeof(outer.ip));
	if (outer.ip.nexthdr == IPPROTO_FRAGMENT)
		return first_fragment6(skb, cfg, at + sizeof(outer.ip), &peer);
	if (outer.ip.nexthdr != IPPROTO_UDP || outer.udp.dest != cfg->port)
		return TC_ACT_UNSPEC;

	__u32 overhead = sizeof(outer);
	if (bpf_skb_load_bytes(skb, at + overhead, &inner, sizeof(inner)) || inner.version != 6)
		return drop_received(&peer, DROP_MALFORMED);
	__u32 length = skb->len - at - overhead;
	if (!skb->gso_size) {
		__u32 told = bpf_ntohs(outer.udp.len);
		if (told < sizeof(struct udphdr) + sizeof(inner) || told - sizeof(struct udphdr) > length)
			return drop_received(&peer, DROP_MALFORMED);
		if (bpf_ntohs(inner.payload_len) + sizeof(inner) > told - sizeof(struct udphdr))
			return drop_received(&peer, DROP_MALFORMED);
		length = bpf_ntohs(inner.payload_len) + sizeof(inner);
	}
	struct address source = address_of(&inner.saddr), destination = address_of(&inner.daddr);
	int refusal = check_source6(cfg, &source, &peer);
	if (refusal >= 0)
		return drop_received(&peer, refusal);
	if (!within6(&destination, &cfg->subnet6, &cfg->mask6))
		return drop_received(&peer, DROP_OTHER_DESTINATION);
	count_received(skb, &peer, length);

	__u32 payload = bpf_ntohs(outer.ip.payload_len) + sizeof(struct gpe);
	if ((inner.nexthdr != IPPROTO_TCP && !skb->gso_size) || payload > MAX_TOTAL || outer.udp.len == 0)
		return strip(skb, cfg, overhead, &peer);
	struct {
		struct outer6 outer;
		struct gpe gpe;
	} tunnel = { .outer = outer, .gpe = { .flags = GPE_FLAGS, .protocol = GPE_IPV6 } };
	tunnel.outer.ip.payload_len = bpf_htons(payload);
	tunnel.outer.udp.len = bpf_htons(payload);
	tunnel.outer.udp.check = 0;
	if (bpf_skb_adjust_room(skb, sizeof(struct gpe), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(skb, at, &tunnel, sizeof(tunnel), 0))
		return drop_received(&peer, DROP_KERNEL_REFUSED);
	skb->priority = cfg->admitted;
	return TC_ACT_UNSPEC;
}

SEC("tc/decap")
int decap(struct __sk_buff *skb)
{
	struct config *cfg = the_config();
	/*
	 * What has a VLAN's tag is for another interface than this one; what has its pass has been here, in a hook in front
	 * of this one, while the one is put in the place of the other.
	 */
	if (!cfg || (skb->vlan_tci & VLAN_ID) || skb->priority == cfg->admitted)
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return decap4(skb, cfg);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return decap6(skb, cfg);
	return TC_ACT_UNSPEC;
}

/* ------------------------------------------------------------------------------------------------------- admit */

/*
 * A packet put here directly bears its pass in the mark, as its way clears the priority (____dev_forward_skb); one that
 * came up through the host's UDP bears it in the priority, as firewalls write marks. Crossing from a container clears both.
 */
SEC("tc/admit")
int admit(struct __sk_buff *skb)
{
	struct config *cfg = the_config();
	if (!cfg)
		return drop(DROP_NOT_ADMITTED);
	if (skb->mark == cfg->admitted)
		skb->mark = 0;
	else if (skb->priority == cfg->admitted)
		skb->priority = 0;
	else
		return drop(DROP_NOT_ADMITTED);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
