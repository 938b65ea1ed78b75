// flannel: turns what the daemon wrote about this host's subnets into a configuration for another plugin, the bridge
// by default, and calls that. The counterpart of flannel-io/cni-plugin; README.md tells what differs.
import { validAttachments } from "../../attachments.ts";
import { CNI_ERROR, CniError, failure, runAll } from "../../error.ts";
import type { JsonObject } from "../../fields.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { dataDirectory, delegateDocument, flannelConfig, loadSubnetEnv, notAvailable } from "./config.ts";
import { leaseConflict, reasonNotReady } from "./daemon-status.ts";
import { ScratchDirectory, type Scratch } from "./scratch.ts";

export const flannel: Plugin = { name: "flannel", usesNetns: true, add, del, check, gc, status };

/** The type of the plugin a stored configuration is for. */
function typeOf(document: JsonObject): string {
  const type = document["type"];
  return typeof type === "string" ? type : "";
}

function add({ config, environment, machine, delegates }: Call): Result {
  const own = flannelConfig(config);
  const conflict = leaseConflict(machine.sys, own.subnetFile);
  if (conflict !== undefined) throw new CniError(CNI_ERROR.tryAgainLater, conflict);
  const document = delegateDocument(config, own, loadSubnetEnv(machine.sys, own.subnetFile));
  delegates.require(own.delegateType);
  const scratch = new ScratchDirectory(machine.sys, dataDirectory(config));
  const { containerId, ifname } = environment;
  const previous = scratch.write(containerId, ifname, document);
  try {
    return delegates.add(own.delegateType, document);
  } catch (error) {
    // An attachment that was there before this call must outlive its failure.
    if (previous !== undefined) scratch.write(containerId, ifname, previous);
    else undo(() => delegates.del(own.delegateType, document), scratch, { containerId, ifname, document });
    throw error;
  }
}

/** After a failed ADD: the stored configuration stays if DEL fails, for the DEL that the runtime sends. */
function undo(remove: () => void, scratch: ScratchDirectory, stored: Scratch): void {
  try {
    remove();
  } catch {
    return;
  }
  scratch.remove(stored);
}

function del({ config, environment, machine, delegates }: Call): void {
  const scratch = new ScratchDirectory(machine.sys, dataDirectory(config));
  const stored = scratch.read(environment.containerId, environment.ifname, config.name);
  if (stored === undefined) return;
  if (stored.document !== undefined) delegates.del(typeOf(stored.document), stored.document);
  scratch.remove(stored);
}

function check({ config, environment, machine, delegates }: Call): void {
  const scratch = new ScratchDirectory(machine.sys, dataDirectory(config));
  const stored = scratch.read(environment.containerId, environment.ifname, config.name);
  if (stored?.document === undefined) {
    throw failure(`no delegate configuration is stored for container ${environment.containerId}: it is not attached`);
  }
  const prevResult = config.fields.raw("prevResult");
  delegates.check(typeOf(stored.document), {
    ...stored.document,
    cniVersion: config.cniVersion,
    ...(prevResult === undefined ? {} : { prevResult }),
  });
}

function gc({ config, machine, delegates }: Call): void {
  const valid = validAttachments(config);
  if (valid === undefined) return;
  const scratch = new ScratchDirectory(machine.sys, dataDirectory(config));
  const own = flannelConfig(config);
  const isValid = ({ containerId, ifname }: Scratch): boolean =>
    valid.some((item) => item.containerId === containerId && (ifname === undefined || item.ifname === ifname));
  const stale = scratch.list(config.name).filter((stored) => !isValid(stored));
  const attachments = valid.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
  runAll([
    ...stale.map((stored) => () => {
      const { containerId, ifname, document } = stored;
      // A file of flannel's plugin does not tell the interface; the GC below frees what the container had.
      if (ifname !== undefined && document !== undefined) {
        delegates.del(typeOf(document), document, { containerId, ifname, netns: "" });
      }
      scratch.remove(stored);
    }),
    () =>
      delegates.gc(own.delegateType, {
        ...delegateDocument(config, own, undefined),
        "cni.dev/valid-attachments": attachments,
        "cni.dev/attachments": attachments,
      }),
  ]);
}

function status({ config, machine, delegates }: Call): void {
  const own = flannelConfig(config);
  const reason = reasonNotReady(machine.sys, own.subnetFile);
  let document: JsonObject;
  try {
    document = delegateDocument(config, own, loadSubnetEnv(machine.sys, own.subnetFile));
  } catch (error) {
    throw notAvailable(reason ?? (error as Error).message);
  }
  if (reason !== undefined) throw notAvailable(reason);
  delegates.status(own.delegateType, document);
}
