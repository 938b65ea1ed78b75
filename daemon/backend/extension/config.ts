// The extension backend's options: commands for sh (flannel's Documentation/extension.md). README.md tells what each gets.
import { extensionOptionsContract } from "#spec/documents/backend-options";
import type { Network } from "../../lease/types.ts";
import { readOptions } from "../options.ts";

/** The text of a command; absent where the network asks for none. */
export interface ExtensionCommands {
  readonly PreStartupCommand?: string;
  readonly PostStartupCommand?: string;
  readonly SubnetAddCommand?: string;
  readonly SubnetRemoveCommand?: string;
  readonly ShutdownCommand?: string;
}

export type CommandName = keyof ExtensionCommands;

const NAMES: readonly CommandName[] = [
  "PreStartupCommand",
  "PostStartupCommand",
  "SubnetAddCommand",
  "SubnetRemoveCommand",
  "ShutdownCommand",
];

/** @throws LodenError ERR_BACKEND naming the option */
export function readExtension(network: Network): { commands: ExtensionCommands; warnings: string[] } {
  const { options, warnings } = readOptions(extensionOptionsContract, network);
  const commands = NAMES.flatMap((name) => {
    const text = options[name]?.trim();
    return text === undefined || text === "" ? [] : [[name, text] as const];
  });
  return { commands: Object.fromEntries(commands), warnings };
}
