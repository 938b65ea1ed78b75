// The plugins by name in the compiled executable, each evaluated when it is first asked for: a process calls one to
// three of them. The bundler resolves these calls of `require`, and all modules are in the executable.
import type { PluginName } from "#spec/plugin-names";
import type { Plugin } from "./plugin.ts";

/** What a module of ours exports. A test calls every plugin of the executable. */
type Of<Name extends string> = Readonly<Record<Name, Plugin>>;

/* oxlint-disable typescript/no-require-imports -- synchronous, as plugins are */
const LOADERS: Readonly<Record<PluginName, () => Plugin>> = {
  bandwidth: () => (require("./meta/bandwidth/plugin.ts") as Of<"bandwidth">).bandwidth,
  bridge: () => (require("./main/bridge/plugin.ts") as Of<"bridge">).bridge,
  dhcp: () => (require("./ipam/dhcp/plugin.ts") as Of<"dhcp">).dhcp,
  dummy: () => (require("./main/dummy/plugin.ts") as Of<"dummy">).dummy,
  firewall: () => (require("./meta/firewall/plugin.ts") as Of<"firewall">).firewall,
  flannel: () => (require("./meta/flannel/plugin.ts") as Of<"flannel">).flannel,
  "host-device": () => (require("./main/host-device/plugin.ts") as Of<"hostDevice">).hostDevice,
  "host-local": () => (require("./ipam/host-local/plugin.ts") as Of<"hostLocal">).hostLocal,
  ipvlan: () => (require("./main/ipvlan/plugin.ts") as Of<"ipvlan">).ipvlan,
  loopback: () => (require("./main/loopback/plugin.ts") as Of<"loopback">).loopback,
  macvlan: () => (require("./main/macvlan/plugin.ts") as Of<"macvlan">).macvlan,
  portmap: () => (require("./meta/portmap/plugin.ts") as Of<"portmap">).portmap,
  ptp: () => (require("./main/ptp/plugin.ts") as Of<"ptp">).ptp,
  sbr: () => (require("./meta/sbr/plugin.ts") as Of<"sbr">).sbr,
  static: () => (require("./ipam/static/plugin.ts") as Of<"staticIpam">).staticIpam,
  tap: () => (require("./main/tap/plugin.ts") as Of<"tap">).tap,
  tuning: () => (require("./meta/tuning/plugin.ts") as Of<"tuning">).tuning,
  vlan: () => (require("./main/vlan/plugin.ts") as Of<"vlan">).vlan,
  vrf: () => (require("./meta/vrf/plugin.ts") as Of<"vrf">).vrf,
};

export function pluginNamed(name: string): Plugin | undefined {
  return Object.hasOwn(LOADERS, name) ? LOADERS[name as PluginName]() : undefined;
}
