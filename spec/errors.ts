// The one error class of Loden and the table of its codes. Everything that can go wrong in a way a user may meet is a
// LodenError with a stable code, so that logs, metrics, CNI errors and scripts can rely on it.

/**
 * Every code, with what it means. `retry` says whether waiting can help: the daemon keeps trying then, and stops
 * with an error otherwise. It is a property of the code, not of the caller.
 */
export const ERROR_CODES = {
  ERR_USAGE: { retry: false, meaning: "a command line flag or argument is wrong" },
  ERR_ADDRESS: { retry: false, meaning: "text is not an IP address, a prefix or a MAC address" },
  ERR_CONFIG: { retry: false, meaning: "a configuration document is not valid" },
  ERR_CONFIG_MISSING: { retry: true, meaning: "the network configuration is not in the store yet" },
  ERR_SUBNET_ENV: { retry: false, meaning: "the subnet file cannot be read or lacks a value" },
  ERR_INTERFACE: { retry: true, meaning: "no network interface fits what was asked for" },
  ERR_STORE_UNAVAILABLE: { retry: true, meaning: "the store does not answer" },
  ERR_STORE_AUTH: { retry: false, meaning: "the store refuses our credentials or certificate" },
  ERR_STORE_FULL: { retry: true, meaning: "the store takes no writes because it is full" },
  ERR_STORE_COMPACTED: { retry: true, meaning: "the revision asked for has been compacted away" },
  ERR_STORE_LOCKED: { retry: true, meaning: "another process holds the embedded store's directory" },
  ERR_STORE_CORRUPT: { retry: false, meaning: "the store's data cannot be read" },
  ERR_STORE: { retry: true, meaning: "the store answered with an error" },
  ERR_LEASE_CONFLICT: { retry: true, meaning: "another live node holds the subnet or the public address" },
  ERR_LEASE_INVALID: { retry: false, meaning: "a lease record cannot be used" },
  ERR_OUT_OF_SUBNETS: { retry: true, meaning: "every subnet of the network is leased" },
  ERR_BACKEND: { retry: false, meaning: "the backend cannot work with this configuration" },
  ERR_BACKEND_UNKNOWN: { retry: false, meaning: "the configuration names a backend that does not exist" },
  ERR_KERNEL_CONFLICT: { retry: true, meaning: "two reasons want different things of one kernel object" },
  ERR_SYSCALL: { retry: true, meaning: "a system call failed" },
  ERR_NETLINK: { retry: true, meaning: "the kernel refused a netlink request" },
  ERR_NETLINK_DECODE: { retry: true, meaning: "a netlink message is malformed" },
  ERR_NETNS: { retry: false, meaning: "a network namespace cannot be entered" },
  ERR_MTU: { retry: true, meaning: "the path to a peer carries less than this host's MTU" },
  ERR_PROBE: { retry: true, meaning: "an echo probe got no reply" },
  ERR_NFT: { retry: true, meaning: "nftables refused a ruleset" },
  ERR_IPTABLES: { retry: true, meaning: "iptables refused a change, or could not be read" },
  ERR_FIREWALL: {
    retry: true,
    meaning: "another firewall of this host drops traffic that is forwarded for containers",
  },
  ERR_BPF: { retry: true, meaning: "the kernel refused a BPF program, map or attachment" },
  ERR_DBUS: { retry: true, meaning: "the system's message bus or a service on it does not answer as it should" },
  ERR_MISSING_TOOL: { retry: false, meaning: "a program or library that is needed is not installed" },
  ERR_PRIVILEGE: { retry: false, meaning: "a capability or permission is missing" },
  ERR_NOT_READY: { retry: true, meaning: "the daemon is on its way and nothing is known to be wrong" },
  ERR_CNI: { retry: false, meaning: "a CNI operation failed; the CNI code says how" },
  ERR_INTERNAL: { retry: false, meaning: "a defect in Loden" },
} as const satisfies Record<string, { retry: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface LodenErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
  /** What was being handled, for logs and JSON: names and values, never secrets. */
  fields?: Record<string, string | number | boolean>;
}

/** The base of all errors. `message` tells the user what is wrong and what to do. */
export class LodenError extends Error {
  readonly code: ErrorCode;
  readonly fields: Record<string, string | number | boolean>;

  constructor(code: ErrorCode, message: string, options: LodenErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.fields = options.fields ?? {};
  }

  get retry(): boolean {
    return ERROR_CODES[this.code].retry;
  }
}

/** The text of anything thrown, for messages that pass a cause on. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
