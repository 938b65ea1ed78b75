// From the options of a command line to a store: reads the TLS files and makes the etcd client. The embedded store is
// reached in the same way, since it speaks etcd's protocol.
import { readFileSync } from "node:fs";
import { errorText, LodenError } from "#spec/errors";
import { systemClock, systemRandom } from "../clock.ts";
import type { EtcdOptions } from "../options.ts";
import { srvDiscovery } from "./etcd/discovery.ts";
import { EtcdSubnetStore } from "./etcd/subnet-store.ts";
import type { SubnetStore } from "./port.ts";

/** Connects on first use. @throws LodenError ERR_USAGE for a file that cannot be read or an endpoint that is none */
export function openStore(options: EtcdOptions): SubnetStore {
  const { endpoints, discovery, prefix, tls, username, password } = options;
  return new EtcdSubnetStore({
    endpoints,
    discovery:
      discovery &&
      srvDiscovery({ ...discovery, tlsOnly: tls.ca !== undefined || tls.cert !== undefined, random: systemRandom }),
    prefix,
    tls: {
      ca: readPem("etcd-cafile", tls.ca),
      certificate: readPem("etcd-certfile", tls.cert),
      key: readPem("etcd-keyfile", tls.key),
    },
    credentials: username === undefined ? undefined : { user: username, password: password ?? "" },
    clock: systemClock,
    random: systemRandom,
  });
}

function readPem(flag: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new LodenError("ERR_USAGE", `--${flag}: ${errorText(cause)}`, { cause, fields: { flag } });
  }
  if (text.includes("-----BEGIN ")) return text;
  throw new LodenError("ERR_USAGE", `--${flag}: ${file} is not a PEM file`, { fields: { flag } });
}
