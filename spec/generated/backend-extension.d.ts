// Made from spec/schema/backend-extension.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Backend options of type extension: commands that every host runs through sh, where it was started with --allow-extension-commands. */
export interface ExtensionOptions {
  readonly Type?: string;
  /** Run before a subnet is leased. What it prints is published in the lease, and is the standard input of the peers' SubnetAddCommand and SubnetRemoveCommand. */
  readonly PreStartupCommand?: string;
  /** Run once the subnet is leased. */
  readonly PostStartupCommand?: string;
  /** Run for every peer, and again when its lease changes. */
  readonly SubnetAddCommand?: string;
  /** Run for every peer that is gone. */
  readonly SubnetRemoveCommand?: string;
  /** Run when the host leaves the network for good. */
  readonly ShutdownCommand?: string;
}
