// What a backend has to know of this host before it can begin: the MACs that peers know, and for the extension backend
// what its first command says.
import { LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import { type CommandOutput, type RunCommand, runShell, shownOutput } from "../backend/extension/command.ts";
import { readExtension } from "../backend/extension/config.ts";
import { leaseEnvironment, peerFacts } from "../backend/extension/peer-command.ts";
import { ExtensionRecord } from "../backend/extension/record.ts";
import { ExtensionRunner } from "../backend/extension/runner.ts";
import { knownMacs } from "../backend/vxlan/mac.ts";
import { decodeLease } from "../lease/record.ts";
import type { Lease, Network, Node } from "../lease/types.ts";
import { admit } from "../reconcile/admission.ts";
import { Backoff } from "../store/backoff.ts";
import type { Setup } from "./fabric-keeper.ts";
import type { LastState } from "./last-state.ts";

const TROUBLE = "extension";

/** Resolves to the node with what was found out. @throws LodenError ERR_BACKEND for commands that this host does not allow */
export async function prepareNode(
  context: AppContext,
  network: Network,
  node: Node,
  last: LastState | undefined,
  signal: AbortSignal,
): Promise<Node> {
  const macs = knownMacs(context.ports.readHost().links, lastLease(last));
  const commandOutput = isExtension(network) ? await firstCommand(context, network, signal) : undefined;
  return { ...node, macs, ...(commandOutput === undefined ? {} : { commandOutput }) };
}

/** Runs the other commands; undefined for other backends. */
export function extensionRunner(context: AppContext, setup: () => Setup, lease: Lease): ExtensionRunner | undefined {
  const { ports, options, troubles } = context;
  const { network } = setup();
  if (!isExtension(network)) return undefined;
  const factsOf = (peer: Lease) => {
    const { node, backend } = setup();
    const { objects, refused } = admit({ network, node, backends: [backend], extras: [] }, peer);
    return objects.size > 0 && refused.length === 0 ? peerFacts(network, peer) : undefined;
  };
  return new ExtensionRunner({
    commands: readExtension(network).commands,
    own: leaseEnvironment(network, lease),
    factsOf,
    run: runCommand(context),
    record: new ExtensionRecord(ports.files, options.subnetFile, ports.bootId),
    clock: ports.clock,
    log: ports.log.child({ component: "extension" }),
    onTrouble: (error) => troubles.report(TROUBLE, error),
  });
}

/** @throws LodenError ERR_BACKEND unless this host's own options allow commands from the store */
export function checkAllowed({ options }: AppContext, network: Network): void {
  if (!isExtension(network) || options.allowExtensionCommands) return;
  throw new LodenError(
    "ERR_BACKEND",
    "the network's Backend.Type is extension: its commands come from the store and would run here as root, so that " +
      "whoever may write the store could run any command on this host; start lodend with --allow-extension-commands to allow it",
    { fields: { backend: "extension", flag: "allow-extension-commands" } },
  );
}

export function isExtension({ backend }: Network): boolean {
  return backend.type === "extension";
}

/** What PreStartupCommand prints, however often it has to be tried; undefined where there is none. */
async function firstCommand(context: AppContext, network: Network, signal: AbortSignal): Promise<string | undefined> {
  checkAllowed(context, network);
  const { ports, status, troubles, log } = context;
  const text = readExtension(network).commands.PreStartupCommand;
  if (text === undefined) return undefined;
  status.enter("backend", "waiting for Backend.PreStartupCommand");
  const backoff = new Backoff(ports.clock, ports.random);
  for (;;) {
    try {
      const command = { name: "PreStartupCommand", text, environment: {}, input: "" };
      const output: CommandOutput = await runCommand(context)(command, signal);
      troubles.report(TROUBLE, undefined);
      log.info({}, `Backend.PreStartupCommand ran, and said: ${shownOutput(output)}`);
      return output.stdout;
    } catch (error) {
      signal.throwIfAborted();
      troubles.report(TROUBLE, error);
      await backoff.wait(signal);
    }
  }
}

function runCommand({ ports }: AppContext): RunCommand {
  return ports.runCommand ?? runShell;
}

function lastLease(last: LastState | undefined): Lease | undefined {
  if (!last?.lease) return undefined;
  try {
    return decodeLease(last.lease.key, last.lease.value);
  } catch (error) {
    // A state file of another make tells nothing.
    if (error instanceof LodenError) return undefined;
    throw error;
  }
}
