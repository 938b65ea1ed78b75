// Attachments: what containers have of a network. GC is told which ones are still valid (CNI specification, "GC"), and
// each thing that a plugin makes can be traced to one.
import type { NetworkConfig } from "./config.ts";
import type { Environment } from "./environment.ts";
import { CNI_ERROR, CniError } from "./error.ts";
import { Fields, isObject } from "./fields.ts";

export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

/** An attachment to one network. */
export interface NetworkAttachment extends Attachment {
  readonly network: string;
}

/** The one that a call is about. */
export function attachmentOf({ config, environment }: CallOfOne): NetworkAttachment {
  return { network: config.name, containerId: environment.containerId, ifname: environment.ifname };
}

type CallOfOne = Readonly<{ config: NetworkConfig; environment: Environment }>;

/** The key of the specification, and the one libcni sends besides. */
const KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"];

/**
 * The valid attachments. Undefined when the configuration does not say: then nothing may be removed, though some
 * callers mean "everything". An empty list says that none is valid, and so does null, which is how libcni writes an
 * empty Go slice.
 * @throws CniError 6 for anything else
 */
export function validAttachments(config: NetworkConfig): readonly Attachment[] | undefined {
  const key = KEYS.find((candidate) => Object.hasOwn(config.document, candidate));
  if (key === undefined) return undefined;
  const value = config.document[key];
  if (value === null) return [];
  if (!Array.isArray(value)) throw new CniError(CNI_ERROR.decodingFailure, `${key} must be a list of attachments`);
  return value.map((item, index) => {
    const fields = new Fields(isObject(item) ? item : {}, `${key}[${index}]`);
    const containerId = fields.string("containerID") ?? "";
    const ifname = fields.string("ifname") ?? "";
    // An entry that cannot be read might be a container that is alive: better no collection than a wrong one.
    if (containerId !== "" && ifname !== "") return { containerId, ifname };
    throw new CniError(CNI_ERROR.decodingFailure, `${fields.where} needs containerID and ifname`);
  });
}
