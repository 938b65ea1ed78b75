// Masquerading by iptables: the chain and rules of the reference plugins (pkg/ip/ipmasq_iptables_linux.go), each change
// one iptables-restore per family instead of one process per rule. What they made is removed as well, and no process is
// started to find that there is nothing to remove.
import type { Family } from "#kernel/ip/address";
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkAttachment, Attachment } from "../attachments.ts";
import { runAll } from "../error.ts";
import { sha512Hex } from "./sha512.ts";
import { commentMatch, deletion, type SavedTable, type Xtables } from "./xtables.ts";

const TABLE = "nat";
const ENTRY = "POSTROUTING";
const CHAIN_PREFIX = "CNI-";
/** Hexadecimal digits in a chain's name, which has 28 characters at most. */
const CHAIN_HASH_LENGTH = 24;
const MULTICAST: Readonly<Record<Family, string>> = { 4: "224.0.0.0/4", 6: "ff00::/8" };

/** The chain has no interface name in it: attachments of one container to one network share it. */
export function chainName({ network, containerId }: Pick<NetworkAttachment, "network" | "containerId">): string {
  return CHAIN_PREFIX + sha512Hex(network + containerId).slice(0, CHAIN_HASH_LENGTH);
}

function commentOption({ network, containerId }: NetworkAttachment): string {
  return commentMatch(`name: "${network}" id: "${containerId}"`);
}

export function addIptablesMasquerade(xtables: Xtables, owner: NetworkAttachment, addresses: readonly Prefix[]): void {
  const chain = chainName(owner);
  const comment = commentOption(owner);
  for (const family of FAMILIES) {
    const ours = addresses.filter((address) => address.family === family);
    if (ours.length === 0) continue;
    const length = family === 4 ? 32 : 128;
    const jumps = ours.map(({ address }) => `-A ${ENTRY} -s ${address.toString()}/${length} ${comment} -j ${chain}`);
    const accepts = (action: string): string[] =>
      ours.map((address) => `${action} ${chain} -d ${address.masked.toString()} ${comment} -j ACCEPT`);
    const masquerade = `-A ${chain} ! -d ${MULTICAST[family]} ${comment} -j MASQUERADE`;
    xtables.change(family, "", TABLE, (saved) =>
      // The chain is there when the container is attached to the network already: then our networks go to its head.
      saved.hasChain(chain) ? [...accepts("-I"), ...jumps] : [`-N ${chain}`, ...accepts("-A"), masquerade, ...jumps],
    );
  }
}

function removals(saved: SavedTable, chain: string): string[] {
  if (!saved.hasChain(chain)) return [];
  return [...saved.jumpsTo(chain).map(deletion), `-F ${chain}`, `-X ${chain}`];
}

/** Removes what is to go from whichever kernel interface has it; `chain` is one that is there whenever anything is. */
function remove(xtables: Xtables, chain: string, toGo: (saved: SavedTable) => readonly string[]): void {
  runAll(
    FAMILIES.flatMap((family) =>
      xtables.variantsWith(family, TABLE, chain).map((variant) => () => {
        // Without the program there is nobody who could have made the rules.
        if (xtables.save(family, variant, TABLE) === undefined) return;
        xtables.change(family, variant, TABLE, (saved) => toGo(saved).flatMap((name) => removals(saved, name)));
      }),
    ),
  );
}

export function removeIptablesMasquerade(xtables: Xtables, owner: NetworkAttachment): void {
  const chain = chainName(owner);
  remove(xtables, chain, () => [chain]);
}

/** Removes the chains of a network's containers that have no valid attachment. */
export function collectIptablesMasquerade(xtables: Xtables, network: string, valid: readonly Attachment[]): void {
  const kept = new Set(valid.map(({ containerId }) => chainName({ network, containerId })));
  const comment = String.raw`--comment "name: \"${network}\" id: `;
  remove(xtables, ENTRY, (saved) => {
    const jumps = saved.rules.filter((rule) => rule.startsWith(`-A ${ENTRY} `) && rule.includes(comment));
    const chains = new Set(jumps.flatMap((rule) => / -j (CNI-[0-9a-f]{24})(?: |$)/.exec(rule)?.[1] ?? []));
    return [...chains].filter((chain) => !kept.has(chain));
  });
}
