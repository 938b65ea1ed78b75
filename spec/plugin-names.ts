// The CNI plugins Loden has. The executable answers to these names, and the build makes one link for each.

export const PLUGIN_NAMES = [
  "bandwidth",
  "bridge",
  "dhcp",
  "dummy",
  "firewall",
  "flannel",
  "host-device",
  "host-local",
  "ipvlan",
  "loopback",
  "macvlan",
  "portmap",
  "ptp",
  "sbr",
  "static",
  "tap",
  "tuning",
  "vlan",
  "vrf",
] as const;

export type PluginName = (typeof PLUGIN_NAMES)[number];

export function isPluginName(name: string): name is PluginName {
  return (PLUGIN_NAMES as readonly string[]).includes(name);
}
