// What goes wrong between us and etcd, as LodenErrors: the code says what a caller can do, the text names the endpoint,
// the cause and the cure. Sources: gRPC status codes, etcd's rpctypes (the texts after "etcdserver:"), Node's TLS and
// socket error codes.
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorCode, errorText, LodenError, type LodenErrorOptions } from "#spec/errors";

/** A failed request. `unsent`: certain never to have reached the store, so that another endpoint may be asked. */
export class EtcdError extends LodenError {
  readonly unsent: boolean;
  /** Certain to have changed nothing: refused before it was proposed. */
  readonly refused: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: LodenErrorOptions & { readonly unsent?: boolean; readonly refused?: boolean },
  ) {
    super(code, message, options);
    this.unsent = options.unsent ?? false;
    this.refused = options.refused ?? this.unsent;
  }
}

interface Rule {
  readonly text: RegExp;
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly cure?: string;
  readonly reason?: string;
  readonly unsent?: boolean;
  readonly refused?: boolean;
}

/** etcd's own texts, which are stable (its clients in other languages match them too), and one of Node's. */
const TEXTS: readonly Rule[] = [
  {
    text: /etcdserver: .*database space exceeded/,
    code: "ERR_STORE_FULL",
    cure: "compact and defragment etcd or raise its quota, then clear the alarm (etcdctl alarm disarm)",
    refused: true,
  },
  { text: /etcdserver: .*required revision has been compacted/, code: "ERR_STORE_COMPACTED" },
  { text: /etcdserver: .*requested lease not found/, code: "ERR_STORE", reason: "lease-not-found", refused: true },
  { text: /etcdserver: .*corrupt/, code: "ERR_STORE_CORRUPT", cure: "restore the etcd member from a good copy" },
  {
    text: /etcdserver: .*invalid user ID or password/,
    code: "ERR_STORE_AUTH",
    cure: "check the etcd user name and password",
    refused: true,
  },
  {
    text: /etcdserver: .*(user name is empty|user name not found)/,
    code: "ERR_STORE_AUTH",
    cure: "this etcd asks for a user: give the etcd user name and password, or a client certificate",
    reason: "token",
    refused: true,
  },
  {
    text: /etcdserver: .*(invalid auth token|revision of auth store is old)/,
    code: "ERR_STORE_AUTH",
    reason: "token",
    refused: true,
  },
  {
    text: /etcdserver: .*permission denied/,
    code: "ERR_STORE_AUTH",
    cure: "grant the user read and write below the prefix (etcdctl role grant-permission --prefix=true ROLE readwrite PREFIX)",
    refused: true,
  },
  { text: /etcdserver: .*authentication is not enabled/, code: "ERR_STORE_AUTH", reason: "not-enabled", refused: true },
  { text: /etcdserver: .*(no leader|not capable|too many requests)/, code: "ERR_STORE_UNAVAILABLE", unsent: true },
  {
    text: /before secure TLS connection was established/,
    code: "ERR_STORE_UNAVAILABLE",
    cure: "it hung up when asked for TLS; if it does not speak TLS, write http:// instead of https://",
  },
  {
    text: /etcdserver: .*request is too large/,
    code: "ERR_STORE",
    cure: "the record is larger than etcd takes",
    refused: true,
  },
];

/** Node's socket and TLS codes, as they show in the chain of causes. */
const CONNECTION_CODES: readonly Rule[] = [
  { text: /^ECONNREFUSED$/, code: "ERR_STORE_UNAVAILABLE", cure: "nothing listens there; is etcd running?" },
  { text: /^(ENOTFOUND|EAI_AGAIN)$/, code: "ERR_STORE_UNAVAILABLE", cure: "the host name does not resolve" },
  { text: /^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/, code: "ERR_STORE_UNAVAILABLE", cure: "check route and firewall" },
  // Which of the two a peer that does not speak TLS brings depends on when its reset arrives.
  {
    text: /^(ECONNRESET|EPIPE)$/,
    code: "ERR_STORE_UNAVAILABLE",
    cure: "it hung up; if it does so at every try, check whether this endpoint wants http:// or https://",
  },
  {
    text: /ALTNAME_INVALID/,
    code: "ERR_STORE_AUTH",
    cure: "the certificate is for other names than this endpoint's; use one of them in the endpoint",
  },
  { text: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, code: "ERR_STORE_AUTH", cure: "renew etcd's certificate" },
  {
    text: /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE/,
    code: "ERR_STORE_AUTH",
    cure: "the server's certificate is not signed by the CA given (--etcd-cafile)",
  },
  {
    text: /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|CERTIFICATE_)/,
    code: "ERR_STORE_AUTH",
    cure: "etcd refuses our client certificate (--etcd-certfile, --etcd-keyfile); it must be signed by etcd's client CA",
  },
  {
    text: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|TLSV1_ALERT_PROTOCOL_VERSION/,
    code: "ERR_STORE_UNAVAILABLE",
    cure: "the endpoint does not speak TLS; write http:// instead of https://",
  },
  {
    text: /^(ERR_HTTP2_ERROR|ERR_HTTP2_SESSION_ERROR|HPE_|EPROTO)/,
    code: "ERR_STORE_UNAVAILABLE",
    cure: "the endpoint does not speak etcd's protocol this way; check http:// or https:// and the port",
  },
];

const STATUS_CODES: Partial<Record<Code, Pick<Rule, "code" | "cure" | "refused">>> = {
  [Code.Unavailable]: { code: "ERR_STORE_UNAVAILABLE" },
  [Code.DeadlineExceeded]: { code: "ERR_STORE_UNAVAILABLE" },
  // What a stream reports whose connection ended under it.
  [Code.Canceled]: {
    code: "ERR_STORE_UNAVAILABLE",
    cure: "the connection was lost; if it is at every try, check whether this endpoint wants https:// or http://",
  },
  [Code.Aborted]: { code: "ERR_STORE_UNAVAILABLE" },
  [Code.Internal]: { code: "ERR_STORE_UNAVAILABLE" },
  [Code.Unauthenticated]: { code: "ERR_STORE_AUTH", refused: true },
  [Code.PermissionDenied]: { code: "ERR_STORE_AUTH", refused: true },
  [Code.DataLoss]: { code: "ERR_STORE_CORRUPT" },
  [Code.Unimplemented]: { code: "ERR_STORE", cure: "the endpoint is not an etcd 3.4 or later" },
};

/** Turns whatever a request threw into an EtcdError. `unsent`: it failed before anything was sent. */
export function etcdError(endpoint: string, thrown: unknown, unsent = false): EtcdError {
  if (thrown instanceof EtcdError) return thrown;
  const status = thrown instanceof ConnectError ? thrown : undefined;
  const text = status?.rawMessage ?? errorText(thrown);
  const rule: Omit<Rule, "text"> = TEXTS.find((candidate) => candidate.text.test(text)) ??
    CONNECTION_CODES.find((candidate) => causeCodes(thrown).some((code) => candidate.text.test(code))) ??
    (status === undefined ? undefined : STATUS_CODES[status.code]) ?? { code: "ERR_STORE" };
  const cure = rule.cure === undefined ? "" : ` (${rule.cure})`;
  return new EtcdError(rule.code, `etcd at ${endpoint}: ${text || "no reason given"}${cure}`, {
    cause: thrown,
    fields: { endpoint, ...(rule.reason === undefined ? {} : { reason: rule.reason }) },
    unsent: unsent || rule.unsent === true,
    ...(rule.refused === undefined ? {} : { refused: rule.refused }),
  });
}

/** An endpoint that did not answer in time. */
export function etcdTimeout(endpoint: string, what: string, ms: number, unsent: boolean): EtcdError {
  const text = `etcd at ${endpoint}: ${what} within ${ms / 1_000} s; check that it runs, has a leader and is reachable`;
  return new EtcdError("ERR_STORE_UNAVAILABLE", text, { fields: { endpoint }, unsent });
}

/** An answer that etcd would not give: whatever is at the other end, its data is not taken for the store's. */
export function etcdMalformed(endpoint: string, what: string): EtcdError {
  return new EtcdError("ERR_STORE", `etcd at ${endpoint}: ${what}; is this endpoint an etcd?`, {
    fields: { endpoint },
  });
}

function causeCodes(thrown: unknown): string[] {
  const codes: string[] = [];
  let error: unknown = thrown;
  // Causes can point at each other; nothing real is deeper than a few.
  for (let depth = 0; depth < 8 && error instanceof Error; depth++) {
    if ("code" in error && typeof error.code === "string") codes.push(error.code);
    error = error.cause;
  }
  return codes;
}
