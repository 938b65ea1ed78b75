// static: gives the addresses that the configuration names. It remembers nothing. The reference plugin's counterpart;
// README.md tells what differs.
import { previousResult } from "../../config.ts";
import { failure } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { staticConfig } from "./config.ts";

export const staticIpam: Plugin = {
  name: "static",
  usesNetns: false,
  add,
  del: nothing,
  check,
  gc: nothing,
  status,
};

/** There is nothing to give back. */
function nothing(): void {}

function add({ config, environment }: Call): Result {
  const { addresses, routes, dns } = staticConfig(config, environment.args);
  return { interfaces: [], ips: addresses, routes, dns };
}

/** The addresses that a configuration names are those of the result, as far as both have them. */
function check({ config, environment }: Call): void {
  const { addresses } = staticConfig(config, environment.args);
  const previous = previousResult(config);
  if (previous === undefined) throw failure("Required prevResult missing");
  for (const { address, gateway } of addresses) {
    const found = previous.ips.find((ip) => ip.address.equals(address));
    if (found === undefined) throw failure(`static: Failed to find address ${address.toString()} in prevResult`);
    if (gateway === undefined || found.gateway?.equals(gateway) === true) continue;
    throw failure(
      `static: Failed to match addr ${address.toString()} on interface: gateway is not ${gateway.toString()}`,
    );
  }
}

function status({ config }: Call): void {
  staticConfig(config, "");
}
