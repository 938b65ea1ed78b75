// The last known good state: what a host needs to carry traffic again after a reboot while the store does not answer
// (spec/state-file.md). One file per daemon in --state-dir, with a checksum, written when it differs and seldom.
import { createHash } from "node:crypto";
import path from "node:path";
import { errorText, LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import { parseNetwork } from "../lease/network.ts";
import { decodeLease } from "../lease/record.ts";
import type { Options } from "../options.ts";
import { FLAGS } from "../options/table.ts";
import { isoTime } from "../troubles.ts";

/** The name under which the troubles tell that this node runs from its last known state. */
export const LAST_STATE_TROUBLE = "last-state";

/** Raised when a field changes its meaning: a later daemon then starts without the file of an earlier one. */
const FORMAT = 1;

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Least time between two writes: a cluster in motion costs the disk one write in it, whatever the number of events. */
const WRITE_INTERVAL_MS = 30_000;

/** A change waits this long for others that belong to it. */
const GATHER_MS = 500;

/** Keys and values as the store has them. */
export interface LastState {
  readonly prefix: string;
  readonly nodeId: string;
  readonly bootId: string;
  /** The network configuration that the lease tells of. */
  readonly config: string;
  /** Other ones whose backends peers needed; absent when there were none. */
  readonly outgoing?: readonly string[];
  /** This node's own lease; null once it was given back. */
  readonly lease: { readonly key: string; readonly value: string; readonly reserved: boolean } | null;
  readonly peers: readonly (readonly [key: string, value: string])[];
  /** RFC 3339, by the wall clock. */
  readonly written: string;
}

/** The file of the daemon that serves this prefix and subnet file; undefined where no state is kept. */
export function stateFile(options: Pick<Options, "stateDirectory" | "subnetFile" | "etcd">): string | undefined {
  const { stateDirectory, subnetFile, etcd } = options;
  if (stateDirectory === undefined) return undefined;
  const isUsual = etcd.prefix === FLAGS["etcd-prefix"].default && subnetFile === FLAGS["subnet-file"].default;
  const hash = createHash("sha256").update(`${etcd.prefix}\0${subnetFile}`).digest("hex").slice(0, 8);
  return path.join(stateDirectory, isUsual ? "state.json" : `state-${hash}.json`);
}

/** What an earlier run left; undefined when there is none that can be used, which is reported and no error. */
export function readLastState({ options, ports, troubles }: AppContext): LastState | undefined {
  const file = stateFile(options);
  if (file === undefined) return undefined;
  const text = ports.files.read(file);
  if (text === undefined) return undefined;
  try {
    return decodeState(text, options.etcd.prefix);
  } catch (error) {
    const advice = "it is ignored, and written anew once the store has told how things are";
    troubles.report("state", new LodenError("ERR_CONFIG", `the state file ${file}: ${errorText(error)}; ${advice}`));
    return undefined;
  }
}

export function encodeState(state: LastState): string {
  return `${JSON.stringify({ format: FORMAT, sha256: digest(state), state })}\n`;
}

/** @throws LodenError ERR_CONFIG, ERR_LEASE_INVALID: the file is damaged or tells of something else */
export function decodeState(text: string, prefix: string): LastState {
  const wrong = (what: string, cause?: unknown): LodenError => new LodenError("ERR_CONFIG", what, { cause });
  let document: { format?: unknown; sha256?: unknown; state?: unknown } | null;
  try {
    document = JSON.parse(text) as typeof document;
  } catch (cause) {
    throw wrong("it is not JSON", cause);
  }
  if (typeof document !== "object" || document?.format !== FORMAT) throw wrong(`its format is not ${FORMAT}`);
  const { state } = document;
  if (document.sha256 !== digest(state)) throw wrong("its checksum is wrong, so it is damaged or was edited");
  if (!isState(state)) throw wrong("it lacks a field or has one of another type");
  if (state.prefix !== prefix) throw wrong(`it is of --etcd-prefix=${state.prefix}`);
  parseNetwork(state.config);
  if (state.lease !== null) decodeLease(state.lease.key, state.lease.value);
  return state;
}

function digest(state: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(state) ?? "")
    .digest("hex");
}

function isState(value: unknown): value is LastState {
  if (typeof value !== "object" || value === null) return false;
  const state = value as Partial<LastState>;
  const { lease, peers, outgoing = [] } = state;
  const texts = [state.prefix, state.nodeId, state.bootId, state.config, state.written];
  return (
    texts.every((text) => typeof text === "string") &&
    Array.isArray(outgoing) &&
    outgoing.every((text) => typeof text === "string") &&
    (lease === null ||
      (typeof lease === "object" &&
        typeof lease.key === "string" &&
        typeof lease.value === "string" &&
        typeof lease.reserved === "boolean")) &&
    Array.isArray(peers) &&
    peers.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === "string"))
  );
}

/** Keeps the file as it should be while the daemon runs. */
export class StateKeeper {
  readonly #context: AppContext;
  readonly #file: string | undefined;
  readonly #gather: () => Omit<LastState, "written"> | undefined;
  /** What the file says, but for the time of writing. */
  #written = "";
  #changed: (() => void) | undefined;
  #isDue = true;

  /** @param gather the state as it is known now; undefined while there is none worth keeping */
  constructor(context: AppContext, gather: () => Omit<LastState, "written"> | undefined) {
    this.#context = context;
    this.#file = stateFile(context.options);
    this.#gather = gather;
  }

  /** Something that the file tells may have changed. */
  changed(): void {
    this.#isDue = true;
    this.#changed?.();
  }

  /** Writes now and then until `signal` aborts, and once more then. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.ports;
    while (!signal.aborted && this.#file !== undefined) {
      if (!this.#isDue) await this.#change(signal);
      await clock.sleep(GATHER_MS, signal).catch(() => undefined);
      this.write();
      await clock.sleep(WRITE_INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  /** Brings the file up to date. A file that cannot be written is reported; it stops nothing. */
  write(): void {
    const { ports, troubles } = this.#context;
    const state = this.#gather();
    if (this.#file === undefined || state === undefined) return;
    this.#isDue = false;
    const content = digest(state);
    if (content === this.#written) return;
    try {
      const text = encodeState({ ...state, written: isoTime(ports.clock) });
      ports.files.replace(this.#file, text, FILE_MODE, DIRECTORY_MODE);
      this.#written = content;
      troubles.report("state", undefined);
    } catch (error) {
      this.#isDue = true;
      const text = `the state file ${this.#file} cannot be written: ${errorText(error)}; this host could not come up from it while the store is away`;
      troubles.report("state", new LodenError("ERR_CONFIG", text, { cause: error }));
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#changed = undefined;
  }
}
