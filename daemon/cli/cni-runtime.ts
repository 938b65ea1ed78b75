// A CNI runtime in small: runs a conf list's plugins for an attachment as container runtimes do (CNI spec 1.1,
// section 3, "Lifecycle & Ordering"; section 4, "Derivation of execution configuration").
import { spawnSync } from "node:child_process";
import path from "node:path";
import { LodenError } from "#spec/errors";

export interface ConfList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
}

export interface Attachment {
  readonly containerId: string;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly ifname: string;
}

/** Runs a synchronous function where the plugins must run: in the host's network namespace. */
export type InHost = <T>(fn: () => T) => T;

export interface CniResult {
  readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

export class CniRuntime {
  readonly #binDir: string;
  readonly #list: ConfList;
  readonly #inHost: InHost;

  constructor(binDir: string, list: ConfList, inHost: InHost) {
    this.#binDir = binDir;
    this.#list = list;
    this.#inHost = inHost;
  }

  /** Runs the list's plugins in order, each on the result of the one before. */
  add(attachment: Attachment): CniResult {
    let result: CniResult | undefined;
    for (const plugin of this.#list.plugins) {
      result = JSON.parse(this.#exec("ADD", plugin, attachment, result)) as CniResult;
    }
    return result ?? {};
  }

  /** Runs the list's plugins in reverse. Succeeds when there is nothing to delete. */
  delete(attachment: Attachment, result?: CniResult): void {
    for (const plugin of this.#list.plugins.toReversed()) this.#exec("DEL", plugin, attachment, result);
  }

  #exec(command: string, plugin: ConfList["plugins"][number], attachment: Attachment, prevResult?: CniResult): string {
    const { cniVersion, name } = this.#list;
    const { capabilities: _, ...conf } = plugin;
    const input = JSON.stringify({ ...conf, cniVersion, name, ...(prevResult && { prevResult }) });
    const env = {
      PATH: process.env["PATH"] ?? "",
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment.containerId,
      CNI_NETNS: attachment.netns,
      CNI_IFNAME: attachment.ifname,
      CNI_PATH: this.#binDir,
    };
    const done = this.#inHost(() =>
      spawnSync(path.join(this.#binDir, plugin.type), [], { input, env, encoding: "utf8" }),
    );
    if (done.status === 0) return done.stdout;
    throw new LodenError("ERR_CNI", `${plugin.type} ${command} for ${attachment.containerId}: ${failureText(done)}`);
  }
}

function failureText(done: { stdout: string; stderr: string; status: number | null; error?: Error }): string {
  if (done.error) return done.error.message;
  try {
    const { msg, details } = JSON.parse(done.stdout) as { msg: string; details?: string };
    return details ? `${msg}; ${details}` : msg;
  } catch {
    return done.stderr.trim() || `exit status ${done.status ?? "none"}`;
  }
}
