// DEL and GC: taking away what ADD made, each part whether or not the others are there.
import { validAttachments } from "../../attachments.ts";
import { runAll } from "../../error.ts";
import { collectAddresses, collectHostLinks, releaseAddresses, removeVeth } from "../../interface/detach.ts";
import type { Call } from "../../plugin.ts";
import { collectMasquerade, removeMasquerade } from "../../rules/masquerade.ts";
import { collectSpoofChecks, removeSpoofCheck } from "./spoof.ts";

/** The link goes before its address is freed: nobody else may get the address while it is in use. */
export function detach(call: Call): void {
  const { config, environment, machine } = call;
  const owner = { network: config.name, containerId: environment.containerId, ifname: environment.ifname };
  runAll([
    () => removeVeth(call),
    () => releaseAddresses(call),
    () => {
      if (config.fields.raw("macspoofchk") === true) removeSpoofCheck(machine.nftables(), owner);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) removeMasquerade(machine, owner);
    },
  ]);
}

export function collectGarbage(call: Call): void {
  const { config, machine } = call;
  const valid = validAttachments(config);
  if (valid === undefined) return;
  runAll([
    () => collectHostLinks(call, "veth", valid),
    () => collectAddresses(call),
    () => {
      if (config.fields.raw("macspoofchk") === true) collectSpoofChecks(machine.nftables(), config.name, valid);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) collectMasquerade(machine, config.name, valid);
    },
  ]);
}
