// The plugins by name.
import type { PluginName } from "#spec/plugin-names";
import { hostLocal } from "./ipam/host-local/plugin.ts";
import { bridge } from "./main/bridge/plugin.ts";
import { loopback } from "./main/loopback/plugin.ts";
import { flannel } from "./meta/flannel/plugin.ts";
import type { Plugin } from "./plugin.ts";

const PLUGINS: Readonly<Record<PluginName, Plugin>> = { bridge, flannel, "host-local": hostLocal, loopback };

export function pluginNamed(name: string): Plugin | undefined {
  return Object.hasOwn(PLUGINS, name) ? PLUGINS[name as PluginName] : undefined;
}
