// What the store suite needs of an implementation beside the port: more clients of the same store, the network between
// them to cut, and an administrator's hand on the store itself.
import type { SubnetStore } from "../../../daemon/store/port.ts";

export interface RigClient {
  readonly store: SubnetStore;
  /** Cuts this client's connections, or lets it connect again. */
  readonly cut: (off: boolean) => void;
}

export interface StoreRig extends AsyncDisposable {
  connect(): Promise<RigClient>;
  readonly admin: StoreAdmin;
  /** Lets the store's time pass: at once on a clock of its own; real stores take the time it takes. */
  pass(seconds: number): Promise<void>;
  /** Kills the server and starts it again on what it has on disk. */
  restart(): Promise<void>;
  /** Keeps a copy of the store; the function given goes back to it. */
  backUp(): Promise<() => Promise<void>>;
}

/** What an implementation is like: tests that would mean nothing for it are not made. */
export interface StoreTraits {
  /** Keys and values can be arbitrary bytes. */
  readonly bytes: boolean;
  /** There is a server that can be killed. */
  readonly server: boolean;
}

/** Paths are relative to the network's prefix: "config", "subnets/10.1.2.0-24", "else". */
export interface StoreAdmin {
  put(path: string | Uint8Array, value: string | Uint8Array): Promise<void>;
  /** Many at once, in as few revisions as the store likes. */
  putAll(records: readonly (readonly [path: string, value: string])[]): Promise<void>;
  delete(path: string): Promise<void>;
  /** Forgets all history up to now. */
  compact(): Promise<void>;
  /** How many store leases are alive. */
  leases(): Promise<number>;
}
