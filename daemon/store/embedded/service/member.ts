// What etcd's tools ask of a member besides keys: Cluster.MemberList, Maintenance, and Auth's answer that there is none.
import { hostname } from "node:os";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { VERSION } from "../../../version.ts";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "../../etcd/generated/rpc_pb.js";
import type { Auth, Cluster, Maintenance } from "../../etcd/generated/rpc_pb.js";
import { refuse } from "../errors.ts";
import { header, reply, type ServiceContext, unsupportedText } from "./reply.ts";

/** The level of the API, and who serves it. */
const SERVER_VERSION = `3.4.0+loden.${VERSION}`;

export function clusterService(context: ServiceContext): Partial<ServiceImpl<typeof Cluster>> {
  const { memberId } = context.engine.identity;
  return {
    memberList: () =>
      reply(context, () => ({
        header: header(context),
        members: [{ ID: memberId, name: hostname(), clientURLs: [...context.endpoints()] }],
      })),
  };
}

export function maintenanceService(context: ServiceContext): Partial<ServiceImpl<typeof Maintenance>> {
  const { engine } = context;
  const { memberId, raftTerm } = engine.identity;
  /** Not a switch as in etcd: raised while the store is full. */
  const alarms = () => (engine.isFull ? [{ memberID: memberId, alarm: AlarmType.NOSPACE }] : []);
  return {
    status: () =>
      reply(context, () => {
        const { total, inUse } = engine.size();
        return {
          header: header(context),
          version: SERVER_VERSION,
          dbSize: total,
          dbSizeInUse: inUse,
          leader: memberId,
          // There is no raft log: a revision is what the store has agreed on with itself.
          raftIndex: engine.revision,
          raftAppliedIndex: engine.revision,
          raftTerm,
          errors: alarms().map(() => "etcdserver: no space"),
        };
      }),
    alarm: ({ action }) =>
      reply(context, () => {
        if (action === AlarmAction.ACTIVATE) {
          throw new ConnectError(unsupportedText("etcdserverpb.Maintenance/Alarm with ACTIVATE"), Code.Unimplemented);
        }
        return { header: header(context), alarms: alarms() };
      }),
    defragment: () =>
      reply(context, () => {
        engine.defragment();
        return { header: header(context) };
      }),
  };
}

/** Clients with a user name ask first, and go on without when there is no authentication. */
export function authService(context: ServiceContext): Partial<ServiceImpl<typeof Auth>> {
  return { authenticate: () => reply(context, () => refuse("authNotEnabled")) };
}
