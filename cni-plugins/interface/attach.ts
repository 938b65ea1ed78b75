// ADD of a plugin that makes one interface in the container: the interface, its addresses from IPAM, its routes; undone
// in full when any part fails.
import type { Link } from "#kernel/netlink/link";
import { withNetns } from "#kernel/netns";
import { failure } from "../error.ts";
import type { Call } from "../plugin.ts";
import { EMPTY_RESULT, type Dns, type Result, type ResultInterface } from "../result/types.ts";
import { configureContainer } from "./container.ts";
import { Undo } from "./undo.ts";

export interface InterfacePlan {
  /** The IPAM plugin; absent: the interface is only brought up. */
  readonly ipam: string | undefined;
  /** Addresses and routes from an earlier plugin, in place of IPAM's. */
  readonly given?: Result;
  readonly enabledad: boolean;
  /** The configuration's, which takes the place of IPAM's. */
  readonly dns: Dns | undefined;
  /** Makes the interface in the container, down, and says how to take it away as soon as it is there. */
  make(undo: Undo): void;
}

/** The result lists the container's interface alone. */
export function attachInterface(call: Call, plan: InterfacePlan): Result {
  const undo = new Undo();
  try {
    // Better known before anything is made.
    if (plan.ipam !== undefined) call.delegates.require(plan.ipam);
    plan.make(undo);
    const result = plan.given ?? runIpam(call, plan.ipam, undo);
    const ips = result.ips.map((ip) => ({ ...ip, interface: 0 }));
    const whole = { ...result, ips };
    const link = configure(call, whole, plan.enabledad);
    return {
      ...whole,
      dns: plan.dns ?? result.dns,
      interfaces: [{ ...describe(link), sandbox: call.environment.netns }],
    };
  } catch (error) {
    undo.run();
    throw error;
  }
}

/** Asks IPAM for addresses; nothing without one. @throws CniError 999 when it gives none */
export function runIpam(call: Call, type: string | undefined, undo: Undo): Result {
  if (type === undefined) return EMPTY_RESULT;
  const { document } = call.config;
  const result = call.delegates.add(type, document);
  undo.add(() => call.delegates.del(type, document));
  if (result.ips.length === 0) throw failure("IPAM plugin returned missing IP config");
  return result;
}

function configure(call: Call, result: Result, enabledad: boolean): Link {
  const { machine, environment, netns } = call;
  return withNetns(machine.sys, netns!, () =>
    configureContainer(machine.sys, { ifname: environment.ifname, result, enabledad, up: true }),
  );
}

/** A link in the words of a result. */
export function describe({ name, mac, mtu }: Link): ResultInterface {
  return { name, ...(mac === undefined ? {} : { mac: mac.text }), mtu };
}
