// Opens the store that the options name: etcd, or `loden store`, which speaks etcd's protocol. Reads the TLS files.
import { readFileSync } from "node:fs";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorText, LodenError } from "#spec/errors";
import type { Clock, Random } from "./clock.ts";
import type { EtcdOptions } from "./options.ts";
import { EtcdSubnetStore } from "./store/etcd/subnet-store.ts";
import type { SubnetStore } from "./store/port.ts";

/** @throws LodenError ERR_USAGE that names the flag, for files that cannot be read or are not what they should be */
export function openStore(options: EtcdOptions, clock: Clock, random: Random): SubnetStore {
  const { endpoints, prefix, tls, username, password } = options;
  return new EtcdSubnetStore({
    endpoints,
    prefix: prefix === "" ? "/" : prefix,
    tls: {
      ca: readPem("etcd-cafile", tls.ca, (pem) => void new X509Certificate(pem)),
      certificate: readPem("etcd-certfile", tls.cert, (pem) => void new X509Certificate(pem)),
      key: readPem("etcd-keyfile", tls.key, (pem) => void createPrivateKey(pem)),
    },
    credentials: username === undefined ? undefined : { user: username, password: password ?? "" },
    clock,
    random,
  });
}

function readPem(flag: string, file: string | undefined, check: (pem: string) => void): string | undefined {
  if (file === undefined) return undefined;
  try {
    const pem = readFileSync(file, "utf8");
    check(pem);
    return pem;
  } catch (error) {
    const text = `--${flag} ${file} cannot be used: ${errorText(error)}`;
    throw new LodenError("ERR_USAGE", text, { cause: error, fields: { flag } });
  }
}
