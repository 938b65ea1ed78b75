// What plugin and daemon say to each other over the Unix socket: one JSON object a line, a request and its answer.
import { LATEST_VERSION } from "#spec/cni-versions";
import { CNI_ERROR, CniError, failure } from "../../error.ts";
import { Fields, isObject, type JsonObject } from "../../fields.ts";
import { resultDocument } from "../../result/print.ts";
import { readResult } from "../../result/read.ts";
import type { Result } from "../../result/types.ts";
import type { Grant } from "./offer.ts";

export const METHODS = ["allocate", "release", "check", "collect", "status"] as const;
export type Method = (typeof METHODS)[number];

export interface Request {
  readonly method: Method;
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  /** `allocate`: option numbers to ask for, and values to send as lists of bytes. */
  readonly requested: readonly number[];
  readonly provided: ReadonlyMap<number, Uint8Array>;
  readonly priority: number | undefined;
  /** `collect`: the valid attachments. */
  readonly valid: readonly { readonly containerId: string; readonly ifname: string }[];
}

/** Longest line either side reads. */
export const LINE_LIMIT = 1 << 20;

export function requestDocument(request: Request): object {
  const provided = [...request.provided].map(([option, value]) => ({ option, value: [...value] }));
  return { ...request, provided };
}

export function printRequest(request: Request): string {
  return `${JSON.stringify(requestDocument(request))}\n`;
}

/** @throws CniError for what is no request: anybody who may open the socket can write to it */
export function readRequest(line: string): Request {
  return readRequestFields(new Fields(parse(line), "request"));
}

/** @throws CniError */
export function readRequestFields(fields: Fields): Request {
  const method = METHODS.find((name) => name === fields.string("method"));
  if (method === undefined)
    throw failure(`${fields.path("method")} is none that this daemon knows: ${METHODS.join(", ")}`);
  const octet = { min: 0, max: 255 };
  return {
    method,
    network: fields.string("network") ?? "",
    containerId: fields.string("containerId") ?? "",
    ifname: fields.string("ifname") ?? "",
    netns: fields.string("netns") ?? "",
    requested: numbers(fields, "requested"),
    provided: new Map(
      (fields.objects("provided") ?? []).map((item) => [
        item.integer("option", octet) ?? 0,
        Uint8Array.from(numbers(item, "value")),
      ]),
    ),
    priority: fields.integer("priority", { min: 0, max: 0xffff_ffff }),
    valid: (fields.objects("valid") ?? []).map((item) => ({
      containerId: item.string("containerId") ?? "",
      ifname: item.string("ifname") ?? "",
    })),
  };
}

function numbers(fields: Fields, key: string): number[] {
  return (fields.list(key) ?? []).filter(
    (value) => typeof value === "number" && value >= 0 && value <= 255,
  ) as number[];
}

function parse(line: string): JsonObject {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // The same answer as to any other line that is none.
  }
  throw new CniError(CNI_ERROR.decodingFailure, "a line that is not a JSON object");
}

export type Answer = { readonly result: Result | undefined } | { readonly error: CniError };

export function printAnswer(answer: Answer): string {
  if ("error" in answer) {
    const { cniCode: code, message: msg, details } = answer.error;
    return `${JSON.stringify({ error: { code, msg, details } })}\n`;
  }
  const { result } = answer;
  return `${JSON.stringify(result === undefined ? {} : { result: resultDocument(result, LATEST_VERSION) })}\n`;
}

/** @throws CniError what the daemon answered, or 6 */
export function readAnswer(line: string): Result | undefined {
  const fields = new Fields(parse(line), "the daemon's answer");
  const error = fields.object("error");
  if (error !== undefined) {
    throw new CniError(
      error.integer("code") ?? CNI_ERROR.internal,
      error.string("msg") ?? "the daemon failed",
      error.string("details") ?? "",
    );
  }
  const result = fields.raw("result");
  return isObject(result) ? readResult(result, LATEST_VERSION, "the daemon's result") : undefined;
}

/** A grant as an IPAM result. */
export function resultOf({ address, gateway, routes, dns }: Grant, priority: number | undefined): Result {
  return {
    interfaces: [],
    ips: [{ address, ...(gateway === undefined ? {} : { gateway }) }],
    routes: priority === undefined ? routes : routes.map((route) => ({ ...route, priority })),
    dns,
  };
}

/** A grant for the file that outlives the daemon; what is for ever is left out there. */
export function printGrant(grant: Grant): JsonObject {
  const { server, renewAfter, rebindAfter, expireAfter } = grant;
  const finite = (seconds: number): number | undefined => (seconds === Infinity ? undefined : seconds);
  return {
    result: resultDocument(resultOf(grant, undefined), LATEST_VERSION),
    server: server.toString(),
    renewAfter: finite(renewAfter),
    rebindAfter: finite(rebindAfter),
    expireAfter: finite(expireAfter),
  };
}

/** @throws CniError */
export function readGrantDocument(fields: Fields): Grant {
  const document = fields.raw("result");
  const result = readResult(isObject(document) ? document : {}, LATEST_VERSION, fields.path("result"));
  const [ip] = result.ips;
  const server = fields.address("server");
  if (ip === undefined || server === undefined) throw failure(`${fields.where} is no lease`);
  const seconds = (key: string): number => {
    const value = fields.raw(key);
    return typeof value === "number" && value >= 0 ? value : Infinity;
  };
  const [renewAfter, rebindAfter, expireAfter] = [
    seconds("renewAfter"),
    seconds("rebindAfter"),
    seconds("expireAfter"),
  ];
  const { address, gateway } = ip;
  return { address, gateway, routes: result.routes, dns: result.dns, server, renewAfter, rebindAfter, expireAfter };
}
