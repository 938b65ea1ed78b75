// Routes: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE and RTA_* of linux/rtnetlink.h, for IPv4 (net/ipv4/fib_frontend.c)
// and IPv6 (net/ipv6/route.c).
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";
