// What all services share: etcd's answer header, refusals as gRPC status, and the answer to methods that a store of one
// member does not have.
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import type { Log } from "../../../log.ts";
import type { Engine } from "../engine.ts";
import { RefusedError } from "../errors.ts";

export interface ServiceContext {
  readonly engine: Engine;
  readonly log: Log;
  /** Where the store listens, for MemberList: `http://127.0.0.1:2379`. */
  readonly endpoints: () => readonly string[];
}

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  readonly raftTerm: bigint;
}

/** @param revision the newest one when absent */
export function header({ engine }: ServiceContext, revision = engine.revision): ResponseHeader {
  return { ...engine.identity, revision };
}

/** Runs one call; whatever it throws becomes a gRPC status. Defects are logged, and told to the client without details. */
export async function reply<T>(context: ServiceContext, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toStatus(context, error);
  }
}

export function toStatus({ log }: ServiceContext, error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof RefusedError) return new ConnectError(error.message, error.status);
  log.error({ err: error }, "a request failed by a defect of the store");
  return new ConnectError("loden store: internal error, see its log", Code.Internal);
}

const SUPPORTED =
  "KV (Range, Put, DeleteRange, Txn, Compact), Watch, Lease, Cluster.MemberList and Maintenance (Status, Alarm, " +
  "Defragment); run etcd for the rest";

/** @param method e.g. `etcdserverpb.Auth/UserAdd` */
export function unsupportedText(method: string): string {
  return `loden store does not serve ${method}; it serves ${SUPPORTED}`;
}

/** Methods of the service that `served` lacks, each answering what is served. */
export function unsupportedMethods<T extends DescService>(
  service: T,
  served: Partial<ServiceImpl<T>>,
): Partial<ServiceImpl<T>> {
  const missing = service.methods.filter((method) => !(method.localName in served));
  const methods = missing.map((method) => [
    method.localName,
    () => {
      throw new ConnectError(unsupportedText(`${service.typeName}/${method.name}`), Code.Unimplemented);
    },
  ]);
  return Object.fromEntries(methods) as Partial<ServiceImpl<T>>;
}
