// host-device: moves a device of the host into a container, and back. README.md tells what differs from the reference
// plugin.
import { NetlinkSocket } from "#kernel/netlink/socket";
import { validAttachments } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { CNI_ERROR, CniError, failure, runAll } from "../../error.ts";
import { attachInterface, runIpam } from "../../interface/attach.ts";
import { collectAddresses, inOrder } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { readInterfaceOptions } from "../../interface/options.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { hostDeviceConfig, type HostDeviceConfig } from "./config.ts";
import { findDevice, isUserspaceDriven } from "./find.ts";
import { collectDevices, moveIn, moveOut } from "./move.ts";

export const hostDevice: Plugin = { name: "host-device", usesNetns: true, add, del, check, gc, status };

function add(call: Call): Result {
  const { sys } = call.machine;
  const config = hostDeviceConfig(call.config, sys);
  if (isUserspaceDriven(sys, config.device)) return addressesOnly(call, config);
  return attachInterface(call, {
    ...config,
    make(undo) {
      using host = NetlinkSocket.open(sys);
      moveIn(call, host, findDevice(host, config.device), undo);
    },
  });
}

/** A device that a program drives by itself has no link: the program is told the addresses by the result. */
function addressesOnly(call: Call, config: HostDeviceConfig): Result {
  const result = runIpam(call, config.ipam, new Undo());
  return { ...result, dns: config.dns ?? result.dns };
}

/** Nothing is read but what says where addresses are from: the device may be gone. */
function del(call: Call): void {
  runAll(inOrder(call, () => moveOut(call)));
}

function check(call: Call): void {
  const { sys } = call.machine;
  const config = hostDeviceConfig(call.config, sys);
  if (!isUserspaceDriven(sys, config.device)) return inspectInterface(call, undefined, () => {});
  if (config.ipam !== undefined) call.delegates.check(config.ipam, call.config.document);
  if (previousResult(call.config) === undefined) throw failure("Required prevResult missing");
}

function gc(call: Call): void {
  if (validAttachments(call.config) === undefined) return;
  runAll([() => collectDevices(call), () => collectAddresses(call)]);
}

/** A device that a container has cannot be given to another. Which one the runtime will pick is not known here. */
function status(call: Call): void {
  const { sys } = call.machine;
  const { fields } = call.config;
  if (["device", "hwaddr", "kernelpath", "pciBusID"].some((key) => fields.has(key))) {
    const { device } = hostDeviceConfig(call.config, sys);
    using host = NetlinkSocket.open(sys);
    try {
      if (!isUserspaceDriven(sys, device)) findDevice(host, device);
    } catch (error) {
      throw new CniError(CNI_ERROR.notAvailable, (error as Error).message, "", error);
    }
  }
  const { ipam } = readInterfaceOptions(call.config);
  if (ipam !== undefined) call.delegates.status(ipam, call.config.document);
}
