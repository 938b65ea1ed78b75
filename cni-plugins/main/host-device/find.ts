// Finding the device on the host: linux/Documentation/ABI/testing/sysfs-class-net and sysfs-bus-pci.
import { linkDump, linkGet, type Link } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { failure } from "../../error.ts";
import type { DeviceName } from "./config.ts";

/** Drivers that take a device away from the kernel's network stack, for DPDK. */
const USERSPACE_DRIVERS: readonly string[] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/** Whether a program drives the device by itself: then there is no link, and only addresses are given out. */
export function isUserspaceDriven(sys: Sys, device: DeviceName): boolean {
  if (device.by !== "pciBusID") return false;
  const driver = sys.readlink(`${device.directory}/driver`);
  return typeof driver === "string" && USERSPACE_DRIVERS.includes(driver.slice(driver.lastIndexOf("/") + 1));
}

/** @throws CniError 999 when the device is not on the host */
export function findDevice(socket: NetlinkSocket, device: DeviceName): Link {
  const link = lookUp(socket, device);
  if (link !== undefined) return link;
  throw failure(`failed to find host device: ${nameOf(device)}; it is not on the host, or in a container already`);
}

function lookUp(socket: NetlinkSocket, device: DeviceName): Link | undefined {
  if (device.by === "device") return linkGet(socket, { name: device.name });
  if (device.by === "hwaddr") {
    const { mac } = device;
    const links = linkDump(socket).filter((link) => link.mac?.text === mac.text);
    // A VLAN or macvlan may have the address of the device it lies on.
    return links.find(({ parent }) => parent === undefined) ?? links[0];
  }
  const name = interfaceIn(device.directory);
  return name === undefined ? undefined : linkGet(socket, { name });
}

/** The first interface of a device in sysfs; virtio has a directory between. */
function interfaceIn(directory: string): string | undefined {
  const own = namesIn(`${directory}/net`)[0];
  if (own !== undefined) return own;
  const virtio = namesIn(directory).filter((name) => name.startsWith("virtio"));
  return virtio.flatMap((name) => namesIn(`${directory}/${name}/net`))[0];
}

function namesIn(directory: string): string[] {
  try {
    return process.getBuiltinModule("node:fs").readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

function nameOf(device: DeviceName): string {
  if (device.by === "device") return `device ${JSON.stringify(device.name)}`;
  if (device.by === "hwaddr") return `hwaddr ${device.mac.text}`;
  return `${device.by} ${device.directory}`;
}
