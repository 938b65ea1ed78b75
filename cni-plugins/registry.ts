// The plugins by name, on Node. registry.bun.ts is the same for the executable; "#plugins" is whichever applies.
import type { PluginName } from "#spec/plugin-names";
import { dhcp } from "./ipam/dhcp/plugin.ts";
import { hostLocal } from "./ipam/host-local/plugin.ts";
import { staticIpam } from "./ipam/static/plugin.ts";
import { bridge } from "./main/bridge/plugin.ts";
import { dummy } from "./main/dummy/plugin.ts";
import { hostDevice } from "./main/host-device/plugin.ts";
import { ipvlan } from "./main/ipvlan/plugin.ts";
import { loopback } from "./main/loopback/plugin.ts";
import { macvlan } from "./main/macvlan/plugin.ts";
import { ptp } from "./main/ptp/plugin.ts";
import { tap } from "./main/tap/plugin.ts";
import { vlan } from "./main/vlan/plugin.ts";
import { bandwidth } from "./meta/bandwidth/plugin.ts";
import { firewall } from "./meta/firewall/plugin.ts";
import { flannel } from "./meta/flannel/plugin.ts";
import { portmap } from "./meta/portmap/plugin.ts";
import { sbr } from "./meta/sbr/plugin.ts";
import { tuning } from "./meta/tuning/plugin.ts";
import { vrf } from "./meta/vrf/plugin.ts";
import type { Plugin } from "./plugin.ts";

const PLUGINS: Readonly<Record<PluginName, Plugin>> = {
  bandwidth,
  bridge,
  dhcp,
  dummy,
  firewall,
  flannel,
  "host-device": hostDevice,
  "host-local": hostLocal,
  ipvlan,
  loopback,
  macvlan,
  portmap,
  ptp,
  sbr,
  static: staticIpam,
  tap,
  tuning,
  vlan,
  vrf,
};

export function pluginNamed(name: string): Plugin | undefined {
  return Object.hasOwn(PLUGINS, name) ? PLUGINS[name as PluginName] : undefined;
}
