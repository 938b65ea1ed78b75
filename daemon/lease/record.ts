// Lease values: the JSON that flannel reads and writes (spec/kv.md), byte for byte in its key order and escaping, with
// Loden's own keys after flannel's, which flannel ignores.
import { Address } from "#kernel/ip/address";
import { leaseContract } from "#spec/documents/lease";
import { LodenError } from "#spec/errors";
import { parseDocument } from "#spec/validate";
import { parseSubnetKey } from "./keys.ts";
import { perFamily, type Lease } from "./types.ts";

/** What Go's encoding/json escapes besides JSON's own: HTML's special characters and JavaScript's line ends. */
const GO_ESCAPES = /[<>&\u2028\u2029]/g;

/** The value of a lease. */
export function encodeLease(lease: Omit<Lease, "key" | "subnet">): string {
  const { publicAddress, backendType, backendData, nodeId, epoch, vacated = {} } = lease;
  const left = Object.values(vacated).map(String);
  const text = JSON.stringify({
    PublicIP: publicAddress[4]?.toString() ?? "0.0.0.0",
    PublicIPv6: publicAddress[6]?.toString() ?? null,
    // JSON.stringify leaves out what is undefined, as Go's omitempty does.
    BackendType: backendType === "" ? undefined : backendType,
    BackendData: backendData[4],
    BackendV6Data: backendData[6],
    NodeID: nodeId,
    Epoch: epoch,
    Vacated: left.length === 0 ? undefined : left,
  });
  return text.replaceAll(GO_ESCAPES, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A record under subnets/ as a lease. Host bits in the key are masked.
 * @throws LodenError ERR_LEASE_INVALID that names the key or the field
 */
export function decodeLease(key: string, value: string): Lease {
  const written = parseSubnetKey(key);
  if (written === undefined) {
    throw new LodenError(
      "ERR_LEASE_INVALID",
      `the key ${JSON.stringify(shorten(key))} is not a lease key, which looks like 10.5.1.0-24`,
    );
  }
  const document = parseDocument(leaseContract, value);
  const addressOf = (text: string | undefined): Address | undefined => {
    const address = text === undefined ? undefined : Address.tryParse(text);
    return address?.isUnspecified === true ? undefined : address;
  };
  const subnet = perFamily(written[4]?.masked, written[6]?.masked);
  const publicAddress = perFamily(addressOf(document.PublicIP), addressOf(document.PublicIPv6));
  const left = new Set(document.Vacated);
  const ifLeft = (address: Address | undefined): Address | undefined =>
    address !== undefined && left.has(address.toString()) ? address : undefined;
  const vacated = perFamily(ifLeft(publicAddress[4]), ifLeft(publicAddress[6]));
  const backendData = perFamily(document.BackendData, document.BackendV6Data);
  return {
    key,
    subnet,
    publicAddress,
    backendType: document.BackendType ?? "",
    backendData,
    ...(document.NodeID === undefined ? {} : { nodeId: document.NodeID }),
    ...(document.Epoch === undefined ? {} : { epoch: document.Epoch }),
    ...(Object.keys(vacated).length === 0 ? {} : { vacated }),
  };
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
