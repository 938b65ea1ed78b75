// DEL and GC: taking away what ADD made, each part whether or not the others are there.
import { attachmentOf, validAttachments } from "../../attachments.ts";
import { runAll } from "../../error.ts";
import { collectAddresses, collectHostLinks, inOrder, removeVeth } from "../../interface/detach.ts";
import type { Call } from "../../plugin.ts";
import { collectMasquerade, removeMasquerade } from "../../rules/masquerade.ts";
import { collectSpoofChecks, removeSpoofCheck } from "./spoof.ts";

export function detach(call: Call): void {
  const { config, machine } = call;
  const owner = attachmentOf(call);
  runAll([
    ...inOrder(call, () => removeVeth(call)),
    () => {
      if (config.fields.raw("macspoofchk") === true) removeSpoofCheck(machine, owner);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) removeMasquerade(call, owner);
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
      if (config.fields.raw("macspoofchk") === true) collectSpoofChecks(machine, config.name, valid);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) {
        collectMasquerade(call, config.fields.raw("ipMasqBackend"), config.name, valid);
      }
    },
  ]);
}
