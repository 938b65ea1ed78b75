// Which peers' SubnetAddCommand succeeded since the machine came up: a file beside the subnet file, which a reboot empties
// as it empties the kernel. A restarted daemon runs the commands again, and knows by it which failures mean "it is there
// already", and which peers went while nobody looked.
import type { Files } from "../../atomic-file.ts";
import type { PeerFacts } from "./peer-command.ts";

const MODE = 0o600;

export class ExtensionRecord {
  readonly #files: Files;
  readonly #file: string;
  readonly #bootId: string;

  constructor(files: Files, subnetFile: string, bootId: string) {
    this.#files = files;
    this.#file = `${subnetFile}.extension`;
    this.#bootId = bootId;
  }

  /** By lease key; nothing where there is no file, one of another boot, or one that cannot be read. */
  read(): Map<string, PeerFacts> {
    const text = this.#files.read(this.#file);
    if (text === undefined) return new Map();
    try {
      const { bootId, peers } = JSON.parse(text) as { bootId?: unknown; peers?: unknown };
      if (bootId !== this.#bootId || typeof peers !== "object" || peers === null) return new Map();
      return new Map(Object.entries(peers).filter((entry): entry is [string, PeerFacts] => isFacts(entry[1])));
    } catch {
      return new Map();
    }
  }

  /** Throws the error of the call that failed. */
  write(peers: ReadonlyMap<string, PeerFacts>): void {
    const document = { bootId: this.#bootId, peers: Object.fromEntries(peers) };
    this.#files.replace(this.#file, `${JSON.stringify(document)}\n`, MODE);
  }
}

function isFacts(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { environment, input } = value as Record<string, unknown>;
  if (typeof input !== "string" || typeof environment !== "object" || environment === null) return false;
  return Object.values(environment).every((text) => typeof text === "string");
}
