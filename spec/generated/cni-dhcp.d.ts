// Made from spec/schema/cni-dhcp.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface DhcpRequest {
  /** Do not ask for routers and subnet-mask unless they are named. Default false. */
  readonly skipDefault?: boolean;
  /** Name or number of an option to ask the server for. */
  readonly option?: string;
}

export interface DhcpProvide {
  /** Name or number of an option to send. */
  readonly option: string;
  /** Its content. */
  readonly value?: string;
  /** Key in CNI_ARGS whose value is sent in place of the content. */
  readonly fromArg?: string;
}

export interface DhcpIpam {
  readonly type?: string;
  /** Where the daemon listens. Default /run/cni/dhcp.sock. */
  readonly daemonSocketPath?: string;
  readonly request?: readonly DhcpRequest[];
  readonly provide?: readonly DhcpProvide[];
  /** Metric of the routes. Default, and what 0 means: the kernel's. */
  readonly priority?: number;
}

/** Standard input of the dhcp plugin: the configuration of the plugin that called it. */
export interface DhcpConf extends NetConf {
  readonly ipam: DhcpIpam;
}
