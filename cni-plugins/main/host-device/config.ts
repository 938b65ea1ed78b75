// The host-device plugin's configuration: which device, by one of five ways to name it.
import type { Mac } from "#kernel/ip/mac";
import type { Sys } from "#kernel/sys";
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import { readInterfaceName, readInterfaceOptions, type InterfaceOptions } from "../../interface/options.ts";

/** Directories of sysfs, in tests of the test's own making. */
export interface Sysfs {
  readonly pci: string;
  readonly auxiliary: string;
  readonly devices: string;
}

export const SYSFS: Sysfs = {
  pci: "/sys/bus/pci/devices",
  auxiliary: "/sys/bus/auxiliary/devices",
  devices: "/sys/devices/",
};

/** How the device is named; a directory is that of its network interfaces' parent in sysfs. */
export type DeviceName =
  | { readonly by: "device"; readonly name: string }
  | { readonly by: "hwaddr"; readonly mac: Mac }
  | { readonly by: "kernelpath"; readonly directory: string }
  | { readonly by: "pciBusID"; readonly id: string; readonly directory: string }
  | { readonly by: "auxiliary device"; readonly directory: string };

export interface HostDeviceConfig extends InterfaceOptions {
  readonly device: DeviceName;
}

/** @throws CniError 6 or 7 */
export function hostDeviceConfig(config: NetworkConfig, sys: Sys, sysfs: Sysfs = SYSFS): HostDeviceConfig {
  return { ...readInterfaceOptions(config), device: readDevice(config, sys, sysfs) };
}

/** The runtime's device first, which a device plugin of Kubernetes has picked for this container. */
function readDevice({ fields }: NetworkConfig, sys: Sys, sysfs: Sysfs): DeviceName {
  const name = readInterfaceName(fields, "device");
  const mac = fields.mac("hwaddr");
  const path = fields.string("kernelpath") || undefined;
  const pci = readBusId(fields.string("pciBusID"), "pciBusID");
  const runtimeConfig = fields.object("runtimeConfig");
  const id = readBusId(runtimeConfig?.string("deviceID"), "runtimeConfig.deviceID");
  if (id !== undefined) return deviceOfId(id, sys, sysfs);
  if (name !== undefined) return { by: "device", name };
  if (mac !== undefined) return { by: "hwaddr", mac };
  if (path !== undefined) {
    if (path.startsWith(sysfs.devices) && !path.split("/").includes("..")) return { by: "kernelpath", directory: path };
    throw invalidConfig(`kernel device path ${JSON.stringify(path)} must be absolute and begin with ${sysfs.devices}`);
  }
  if (pci !== undefined) return { by: "pciBusID", id: pci, directory: `${sysfs.pci}/${pci}` };
  throw invalidConfig('specify either "device", "hwaddr", "kernelpath" or "pciBusID"');
}

function deviceOfId(id: string, sys: Sys, sysfs: Sysfs): DeviceName {
  const exists = (directory: string): boolean => typeof sys.stat(directory, true) === "object";
  const pci = `${sysfs.pci}/${id}`;
  if (exists(pci)) return { by: "pciBusID", id, directory: pci };
  const auxiliary = `${sysfs.auxiliary}/${id}`;
  if (exists(auxiliary)) return { by: "auxiliary device", directory: auxiliary };
  throw invalidConfig(
    `runtimeConfig.deviceID ${JSON.stringify(id)} is neither a PCI nor an auxiliary device of this host`,
  );
}

/** An id becomes part of a path. */
function readBusId(text: string | undefined, where: string): string | undefined {
  const id = text || undefined;
  if (id === undefined || /^[\w.:-]+$/.test(id)) return id === "." || id === ".." ? undefined : id;
  throw invalidConfig(`${where} is ${JSON.stringify(id)}, which is not an id like 0000:00:1f.6`);
}
