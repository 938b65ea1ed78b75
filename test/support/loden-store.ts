// `loden store`, our embedded store, as a process of a test.
import { fileURLToPath } from "node:url";
import { freePort, ownLoopback, StoreServer } from "./store-server.ts";

const program = fileURLToPath(new URL("../../daemon/cli/loden.ts", import.meta.url));

/** Starts one. Rejects with what it printed when it does not come up. */
export async function startLodenStore(): Promise<StoreServer> {
  const listen = `${ownLoopback()}:${await freePort()}`;
  return StoreServer.start((data) => ({
    endpoint: `http://${listen}`,
    command: process.execPath,
    args: [program, "store", `--data-dir=${data}`, `--listen=${listen}`, "--log-format=json"],
    ready: /serving etcd's v3 API/,
  }));
}
