// Logging: one JSON line per event with field names that do not change (spec/logging.md), or text on a terminal.
// Components get a Log and never know of pino.
import { pino } from "pino";
import type { DestinationStream } from "pino";
import { type ErrorCode, errorText, LodenError } from "#spec/errors";
import type { LogFormat, LogLevel } from "./log-settings.ts";

/** Every field a line may have; the compiler keeps the names stable. Values never hold secrets. */
export interface LogFields {
  /** Part of the daemon: app, store, lease, peers, reconcile, health, cni. */
  component?: string;
  err?: unknown;
  /** Of a fault whose text is the message. */
  code?: ErrorCode;
  /** Lease key, e.g. `10.5.1.0-24`. */
  lease?: string;
  subnet?: string;
  node?: string;
  address?: string;
  interface?: string;
  mtu?: number;
  backend?: string;
  network?: string;
  store?: string;
  revision?: string;
  /** Kind and key of a kernel object. */
  kind?: string;
  key?: string;
  /** Why an object is wanted: a lease key or "base". */
  because?: string;
  added?: number;
  updated?: number;
  removed?: number;
  failed?: number;
  count?: number;
  attempt?: number;
  /** Until the next attempt. */
  retryMs?: number;
  durationMs?: number;
  ttlSeconds?: number;
  file?: string;
  flag?: string;
  signal?: string;
  phase?: string;
  version?: string;
  /** Who carries the udp backend's packets. */
  datapath?: string;
  listen?: string;
  options?: Readonly<Record<string, unknown>>;
}

export interface Log {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log that adds these fields to every line. */
  child(fields: LogFields): Log;
}

/** Takes nothing down: for tests and for parts that run without a daemon. */
export const silentLog: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

/** Names that are never printed, wherever they stand in a line. Typed fields hold none; this is the second net. */
const SECRET_NAMES = ["password", "secret", "token", "etcd-password", "etcdPassword", "PSK", "authorization"];

export interface LogOptions {
  readonly level: LogLevel;
  /** auto: text when `terminal`, JSON otherwise. */
  readonly format: LogFormat;
  readonly terminal: boolean;
  /** Where lines go; standard error unless a test takes them. */
  readonly destination?: DestinationStream;
}

/** Makes the daemon's log. Text needs pino-pretty, which is loaded only then and runs in this process. */
export async function createLog(options: LogOptions): Promise<Log> {
  const text = options.format === "text" || (options.format === "auto" && options.terminal);
  const raw = options.destination ?? pino.destination({ fd: 2, sync: true });
  const destination = text ? await prettyStream(raw, options.terminal) : raw;
  const log: Log = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: {
        paths: SECRET_NAMES.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
        censor: "***",
      },
    },
    destination,
  );
  return log;
}

async function prettyStream(destination: DestinationStream, colour: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import("pino-pretty");
  const pretty = prettyFactory({
    colorize: colour,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "component",
    singleLine: true,
  });
  return {
    write: (line) => {
      destination.write(pretty(line) ?? "");
    },
  };
}

/** An error as fields: code, text, names and values, and the chain of causes. The stack only for defects of ours. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: errorText(error) };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  if (error instanceof LodenError && error.code !== "ERR_INTERNAL") {
    return { code: error.code, message: error.message, ...error.fields, ...cause };
  }
  return { type: error.name, message: error.message, stack: error.stack, ...cause };
}
