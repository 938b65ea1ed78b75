// Options of `loden store`, checked before anything is opened. Names and meanings are etcd's where etcd has the option.
import { LodenError } from "#spec/errors";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../log-settings.ts";
import type { AutoCompaction } from "../store/embedded/compaction.ts";
import type { ListenAddress, TlsFiles } from "../store/embedded/serve.ts";
import { type CommandFlags, describeFlags, type FlagsOf, readFlags } from "./flags.ts";

const FLAGS = {
  "data-dir": {
    kind: "string",
    default: "/var/lib/loden/store",
    value: "dir",
    help: "directory of the data; made if absent",
  },
  listen: {
    kind: "list",
    default: ["127.0.0.1:2379"],
    value: "host:port",
    help: "address for clients; may be repeated; no host for all addresses",
  },
  "cert-file": { kind: "string", default: "", value: "file", help: "certificate (PEM): serve TLS, with --key-file" },
  "key-file": { kind: "string", default: "", value: "file", help: "private key (PEM) of the certificate" },
  "trusted-ca-file": {
    kind: "string",
    default: "",
    value: "file",
    help: "authorities (PEM) for the certificates of clients",
  },
  "client-cert-auth": { kind: "boolean", default: false, help: "refuse clients without a certificate from those" },
  "auto-compaction-mode": {
    kind: "string",
    default: "periodic",
    value: "mode",
    help: "periodic: keep the history of a time; revision: of a number of revisions",
  },
  "auto-compaction-retention": {
    kind: "string",
    default: "1h",
    value: "time|number",
    help: "how much history to keep: 30m, 1h30m, 5 (hours), or revisions; 0 keeps all",
  },
  "quota-backend-bytes": {
    kind: "integer",
    default: 2 * 1024 ** 3,
    value: "bytes",
    help: "refuse writes while the data is larger than this",
  },
  "watch-progress-notify-interval": {
    kind: "string",
    default: "10m",
    value: "time",
    help: "how often a watch that asked for it is told that nothing happened",
  },
  "log-level": { kind: "string", default: "info", value: "level", help: LOG_LEVELS.join(", ") },
  "log-format": { kind: "string", default: "auto", value: "format", help: "json, text, or auto: text on a terminal" },
} as const satisfies CommandFlags;

export const STORE_USAGE = `Serves a part of etcd's v3 API from one file on this host: enough for the fabric, its tests and labs, and for
etcdctl. For more than one machine's worth of safety run etcd.

usage: loden store [flags]

${describeFlags(FLAGS)}
`;

export interface StoreOptions {
  readonly dataDir: string;
  readonly listen: readonly ListenAddress[];
  /** Absent: clear text. */
  readonly tls?: TlsFiles;
  readonly autoCompaction: AutoCompaction;
  readonly quotaBytes: bigint;
  /** Milliseconds. */
  readonly progressInterval: number;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/**
 * @returns undefined when help is asked for
 * @throws LodenError ERR_USAGE naming the flag
 */
export function readStoreOptions(args: readonly string[]): StoreOptions | undefined {
  const { flags, help } = readFlags(FLAGS, args);
  if (help) return undefined;
  if (flags["data-dir"] === "") throw bad("data-dir", "must name a directory");
  const quota = flags["quota-backend-bytes"];
  if (quota <= 0) throw bad("quota-backend-bytes", `must be more than 0, not ${quota}`);
  const progressInterval = parseDuration(flags["watch-progress-notify-interval"]);
  if (progressInterval === undefined || progressInterval < 100) {
    throw bad("watch-progress-notify-interval", "must be a time of at least 100ms, like 10m or 30s");
  }
  const tls = readTlsFlags(flags);
  return {
    dataDir: flags["data-dir"],
    listen: flags["listen"].map(parseListen),
    ...(tls === undefined ? {} : { tls }),
    autoCompaction: readAutoCompaction(flags["auto-compaction-mode"], flags["auto-compaction-retention"]),
    quotaBytes: BigInt(quota),
    progressInterval,
    log: {
      level: oneOf("log-level", flags["log-level"], LOG_LEVELS),
      format: oneOf("log-format", flags["log-format"], LOG_FORMATS),
    },
  };
}

function readTlsFlags(flags: FlagsOf<typeof FLAGS>): TlsFiles | undefined {
  const {
    "cert-file": certFile,
    "key-file": keyFile,
    "trusted-ca-file": ca,
    "client-cert-auth": clientCertAuth,
  } = flags;
  if (certFile === "" && keyFile === "") {
    if (ca !== "" || clientCertAuth)
      throw bad(ca === "" ? "client-cert-auth" : "trusted-ca-file", "needs --cert-file and --key-file");
    return undefined;
  }
  if (certFile === "") throw bad("key-file", "needs --cert-file beside it");
  if (keyFile === "") throw bad("cert-file", "needs --key-file beside it");
  if (clientCertAuth && ca === "") throw bad("client-cert-auth", "needs --trusted-ca-file");
  return { certFile, keyFile, ...(ca === "" ? {} : { trustedCaFile: ca }), clientCertAuth };
}

/** `127.0.0.1:2379`, `[::1]:2379`, `:2379`, or the same as a URL, as etcd's flags have it. */
function parseListen(text: string): ListenAddress {
  const {
    host = "",
    v6,
    port = "",
  } = /^(?:https?:\/\/)?(?:\[(?<v6>[\da-fA-F:.]+)\]|(?<host>[^:/[\]]*)):(?<port>\d{1,5})\/?$/.exec(text)?.groups ?? {};
  const number = Number(port);
  if (port === "" || number > 65_535) {
    throw bad("listen", `${JSON.stringify(text)} is not host:port, like 127.0.0.1:2379, [::1]:2379 or :2379`);
  }
  return { host: v6 ?? host, port: number };
}

function readAutoCompaction(mode: string, retention: string): AutoCompaction {
  const known = oneOf("auto-compaction-mode", mode, ["periodic", "revision"] as const);
  const isNumber = /^\d{1,15}$/.test(retention);
  if (known === "revision") {
    if (!isNumber)
      throw bad("auto-compaction-retention", `must be a number of revisions, not ${JSON.stringify(retention)}`);
    return { mode: known, retention: Number(retention) };
  }
  const time = isNumber ? Number(retention) * 3_600_000 : parseDuration(retention);
  if (time === undefined) {
    throw bad("auto-compaction-retention", `must be a time like 30m or 1h, not ${JSON.stringify(retention)}`);
  }
  return { mode: known, retention: time };
}

/** Milliseconds of a duration as Go writes it (`1h30m`, `500ms`), or undefined. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:h|m|s|ms))+$/.test(text)) return undefined;
  const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|h|m|s)/g))
    sum += Number(number) * units[unit as keyof typeof units];
  return sum;
}

function oneOf<T extends string>(flag: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw bad(flag, `must be one of ${known.join(", ")}, not ${JSON.stringify(text)}`);
  return found;
}

function bad(flag: string, what: string): LodenError {
  return new LodenError("ERR_USAGE", `--${flag} ${what}`, { fields: { flag } });
}
