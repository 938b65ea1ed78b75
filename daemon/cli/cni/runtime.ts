// A CNI runtime in small: runs a conf list's plugins for an attachment as container runtimes do (CNI specification 1.1,
// section 3, "Lifecycle & Ordering"; section 4, "Derivation of execution configuration"). What libcni does where the
// specification is silent, this does too.
import { statSync } from "node:fs";
import path from "node:path";
import { runProgram } from "#kernel/programs";
import { isAtLeast } from "#spec/cni-versions";
import type { ConfList, ConfListEntry } from "#spec/documents/cni-conf-list";
import { LodenError } from "#spec/errors";

/** A plugin's configuration: options of its own besides what all have. */
export type PluginEntry = ConfListEntry & Readonly<Record<string, unknown>>;

export interface Network {
  readonly name: string;
  /** The version that is spoken with the plugins. */
  readonly cniVersion: string;
  readonly disableCheck?: ConfList["disableCheck"];
  readonly disableGC?: ConfList["disableGC"];
  readonly plugins: readonly PluginEntry[];
}

export interface Attachment {
  readonly containerId: string;
  /** Path of the container's network namespace; empty when it is gone. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS: `KEY=value;KEY=value`. */
  readonly args?: string;
  /** What plugins are told whose `capabilities` ask for it. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

/** Runs a synchronous function where the plugins must run: in the host's network namespace. */
export type InHost = <T>(fn: () => T) => T;

export interface CniResult {
  readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

/** What `cni.dev/valid-attachments` holds. */
export interface AttachmentId {
  readonly containerID: string;
  readonly ifname: string;
}

type PluginCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";

interface Input {
  readonly prevResult?: CniResult | undefined;
  readonly validAttachments?: readonly AttachmentId[];
}

export interface RuntimeOptions {
  /** Folders that hold the plugins' executables, searched in order. */
  readonly path: readonly string[];
  readonly network: Network;
  readonly inHost?: InHost;
  /** Variables that the plugins get besides CNI_*. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

export class CniRuntime {
  readonly #path: readonly string[];
  readonly #network: Network;
  readonly #inHost: InHost;
  readonly #variables: Readonly<Record<string, string | undefined>>;

  constructor({ path: folders, network, inHost = (fn) => fn(), variables = process.env }: RuntimeOptions) {
    this.#path = folders;
    this.#network = network;
    this.#inHost = inHost;
    this.#variables = variables;
  }

  /**
   * Runs the plugins in order, each on the result of the one before. When one fails, all are asked to delete what there is
   * of the attachment before its error is thrown.
   * @throws LodenError ERR_CNI
   */
  add(attachment: Attachment): CniResult {
    let prevResult: CniResult | undefined;
    try {
      for (const plugin of this.#network.plugins) {
        prevResult = JSON.parse(this.#exec("ADD", plugin, { prevResult }, attachment)) as CniResult;
      }
    } catch (error) {
      this.#undo(attachment);
      throw error;
    }
    return prevResult ?? {};
  }

  /** Runs the plugins in reverse. Succeeds when there is nothing to delete. @throws LodenError ERR_CNI */
  delete(attachment: Attachment, result?: CniResult): void {
    const prevResult = this.#speaks("0.4.0") ? result : undefined;
    for (const plugin of this.#network.plugins.toReversed()) this.#exec("DEL", plugin, { prevResult }, attachment);
  }

  /** False when the network has switched checks off. @throws LodenError ERR_CNI naming what is not as it was made */
  check(attachment: Attachment, prevResult: CniResult): boolean {
    this.#need("0.4.0", "CHECK");
    if (isSet(this.#network.disableCheck)) return false;
    for (const plugin of this.#network.plugins) this.#exec("CHECK", plugin, { prevResult }, attachment);
    return true;
  }

  /**
   * Has every plugin remove what belongs to no valid attachment. All are asked; their errors come together. False when the
   * network has switched collection off.
   * @throws LodenError ERR_CNI
   */
  collect(validAttachments: readonly AttachmentId[]): boolean {
    this.#need("1.1.0", "GC");
    if (isSet(this.#network.disableGC)) return false;
    const errors: LodenError[] = [];
    for (const plugin of this.#network.plugins) {
      try {
        this.#exec("GC", plugin, { validAttachments });
      } catch (error) {
        errors.push(error as LodenError);
      }
    }
    if (errors.length > 0) throw new LodenError("ERR_CNI", errors.map(({ message }) => message).join("; "));
    return true;
  }

  /** @throws LodenError ERR_CNI with what keeps a plugin from serving ADD */
  status(): void {
    this.#need("1.1.0", "STATUS");
    for (const plugin of this.#network.plugins) this.#exec("STATUS", plugin, {});
  }

  #speaks(floor: "0.4.0" | "1.1.0"): boolean {
    return isAtLeast(this.#network.cniVersion, floor);
  }

  #need(floor: "0.4.0" | "1.1.0", command: PluginCommand): void {
    if (this.#speaks(floor)) return;
    const { name, cniVersion } = this.#network;
    throw new LodenError(
      "ERR_CNI",
      `network ${name} is of cniVersion ${cniVersion}; ${command} is for ${floor} and later`,
    );
  }

  #undo(attachment: Attachment): void {
    for (const plugin of this.#network.plugins.toReversed()) {
      try {
        this.#exec("DEL", plugin, {}, attachment);
      } catch {
        // The error of the ADD is the one to tell.
      }
    }
  }

  #exec(command: PluginCommand, plugin: PluginEntry, input: Input, attachment?: Attachment): string {
    const stdin = JSON.stringify(this.#configuration(plugin, input, attachment?.capabilityArgs));
    const env = {
      ...this.#variables,
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment?.containerId ?? "",
      CNI_NETNS: attachment?.netns ?? "",
      CNI_IFNAME: attachment?.ifname ?? "",
      CNI_ARGS: attachment?.args ?? "",
      CNI_PATH: this.#path.join(path.delimiter),
    };
    const file = this.#find(plugin.type);
    const done = this.#inHost(() => runProgram(file, [], { input: stdin, env }));
    if (done.status === 0) return done.stdout;
    const whose = attachment === undefined ? "" : ` for ${attachment.containerId}`;
    throw new LodenError("ERR_CNI", `${plugin.type} ${command}${whose}: ${failureText(done)}`);
  }

  #configuration(plugin: PluginEntry, input: Input, args: Attachment["capabilityArgs"] = {}): object {
    const { capabilities, ...conf } = plugin;
    const wanted = Object.entries(args).filter(([name]) => capabilities?.[name] === true);
    const { prevResult, validAttachments } = input;
    return {
      ...conf,
      cniVersion: this.#network.cniVersion,
      name: this.#network.name,
      ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
      ...(prevResult !== undefined && { prevResult }),
      ...(validAttachments !== undefined && {
        "cni.dev/valid-attachments": validAttachments,
        "cni.dev/attachments": validAttachments,
      }),
    };
  }

  #find(type: string): string {
    if (type === "" || type.includes("/"))
      throw new LodenError("ERR_CNI", `plugin type ${JSON.stringify(type)} is no name`);
    const found = this.#path.map((folder) => path.join(folder, type)).find(isFile);
    if (found !== undefined) return found;
    throw new LodenError("ERR_CNI", `there is no plugin ${JSON.stringify(type)} in ${this.#path.join(", ")}`);
  }
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function isSet(value: boolean | "true" | "false" | undefined): boolean {
  return value === true || value === "true";
}

function failureText(done: { stdout: string; stderr: string; status: number | null; error?: Error }): string {
  if (done.error) return done.error.message;
  try {
    const { msg, details } = JSON.parse(done.stdout) as { msg: string; details?: string };
    return details ? `${msg}; ${details}` : msg;
  } catch {
    return done.stderr.trim() || done.stdout.trim() || `exit status ${done.status ?? "none"}`;
  }
}
