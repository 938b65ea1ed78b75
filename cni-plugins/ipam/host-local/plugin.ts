// host-local: gives out addresses of ranges in the configuration and remembers them in files on this host. The
// reference plugin's counterpart; README.md tells what differs.
import { validAttachments } from "../../attachments.ts";
import { CNI_ERROR, CniError, failure } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { allocate } from "./allocate.ts";
import { hostLocalConfig, storeConfig } from "./config.ts";
import { printSet, takeCandidate, type RangeSet } from "./ranges.ts";
import { readResolvConf } from "./resolv-conf.ts";
import { Store } from "./store.ts";

export const hostLocal: Plugin = { name: "host-local", usesNetns: false, add, del, check, gc, status };

function add({ config, environment, machine }: Call): Result {
  const hostLocalSettings = hostLocalConfig(config, environment.args);
  const dns =
    hostLocalSettings.resolvConf === undefined ? {} : readResolvConf(machine.sys, hostLocalSettings.resolvConf);
  using store = Store.open(machine.sys, storeConfig(config), true);
  const ips = allocate(store, hostLocalSettings, environment.containerId, environment.ifname);
  return { interfaces: [], ips, routes: hostLocalSettings.routes, dns };
}

function del({ config, environment, machine }: Call): void {
  using store = Store.open(machine.sys, storeConfig(config), false);
  store?.release(environment.containerId, environment.ifname);
}

function check({ config, environment, machine }: Call): void {
  using store = Store.open(machine.sys, storeConfig(config), false);
  if ((store?.find(environment.containerId, environment.ifname) ?? []).length > 0) return;
  throw failure(`host-local: Failed to find address added by container ${environment.containerId}`);
}

function gc({ config, machine }: Call): void {
  const valid = validAttachments(config);
  if (valid === undefined) return;
  using store = Store.open(machine.sys, storeConfig(config), false);
  store?.retainOnly(valid);
}

function status({ config, machine }: Call): void {
  const { sets } = hostLocalConfig(config, "");
  using store = Store.open(machine.sys, storeConfig(config), false);
  const taken = store?.taken() ?? new Set<string>();
  const full = sets.find((set) => !hasFree(set, taken));
  if (full === undefined) return;
  throw new CniError(CNI_ERROR.notAvailable, `no IP addresses available in range set: ${printSet(full)}`);
}

function hasFree(set: RangeSet, taken: ReadonlySet<string>): boolean {
  return takeCandidate(set, undefined, ({ address }) => !taken.has(address.toString())) !== undefined;
}
