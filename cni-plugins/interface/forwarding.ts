// Routing between interfaces, which a host that is a gateway needs to have on.
import { FAMILIES, type Family } from "#kernel/ip/address";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { inContext } from "../error.ts";

/** Routed packets need it (ip-sysctl.rst). */
const FORWARDING: Readonly<Record<Family, string>> = {
  4: "net/ipv4/ip_forward",
  6: "net/ipv6/conf/all/forwarding",
};

export function enableForwarding(families: readonly Family[]): void {
  for (const family of FAMILIES) {
    if (!families.includes(family)) continue;
    if (readSysctl(FORWARDING[family]) === "1") continue;
    try {
      writeSysctl(FORWARDING[family], "1");
    } catch (error) {
      throw inContext("failed to enable forwarding", error);
    }
  }
}
