// Listening for the store's clients, in clear text (HTTP/2 with prior knowledge) or over TLS.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { errorText, LodenError } from "#spec/errors";
import { Connections } from "./connections.ts";
import { requestHandler } from "./handler.ts";
import type { ServiceContext } from "./service/reply.ts";

export interface ListenAddress {
  /** "" for every address of the host. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

/** PEM files, as etcd's flags of the same names. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities for the certificates of clients. */
  readonly trustedCaFile?: string;
  /** Clients must have a certificate from those authorities. */
  readonly clientCertAuth?: boolean;
}

export interface Listener {
  /** As a client names it: `http://127.0.0.1:2379`. */
  readonly endpoint: string;
  readonly port: number;
  /** Takes no more connections and ends those there are, after the calls under way have been answered. */
  close(): Promise<void>;
}

export interface ServeOptions extends ServiceContext {
  readonly address: ListenAddress;
}

/** Rejects with LodenError ERR_STORE when the address cannot be had, ERR_CONFIG for bad TLS files. */
export async function serve(options: ServeOptions, tls?: TlsFiles): Promise<Listener> {
  const { address, log } = options;
  const shutdown = new AbortController();
  const connections = new Connections(requestHandler(options, shutdown.signal), log);
  const accept = (socket: Socket): void => connections.accept(socket);
  const server = tls === undefined ? net.createServer(accept) : tlsServer(tls, accept);
  server.on("tlsClientError", (error: Error) => log.debug({ err: error }, "a TLS handshake failed"));
  await listening(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `${tls === undefined ? "http" : "https"}://${authority(address.host, port)}`,
    port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      shutdown.abort();
      await connections.close();
      await closed;
    },
  };
}

/** `127.0.0.1:2379`, `[::1]:2379`; a wildcard is named by the loopback address. */
function authority(host: string, port: number): string {
  const name = host === "" || host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function listening(server: net.Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      const where = authority(host, port);
      reject(
        new LodenError("ERR_STORE", `cannot listen on ${where}: ${cause.message}. Give another --listen`, {
          cause,
          fields: { listen: where },
        }),
      );
    };
    server.once("error", onError);
    server.listen(host === "" ? { port } : { host, port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function readPem(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new LodenError("ERR_CONFIG", `cannot read --${flag} ${file}: ${errorText(cause)}`, {
      cause,
      fields: { file },
    });
  }
}

function tlsServer(files: TlsFiles, accept: (socket: Socket) => void): net.Server {
  const options = readTls(files);
  try {
    return createTlsServer(options, accept);
  } catch (cause) {
    const { certFile, keyFile } = files;
    throw new LodenError(
      "ERR_CONFIG",
      `--cert-file ${certFile} and --key-file ${keyFile} cannot be used together: ${errorText(cause)}`,
      { cause, fields: { certFile, keyFile } },
    );
  }
}

function readTls(files: TlsFiles): TlsOptions {
  const ca = files.trustedCaFile === undefined ? {} : { ca: readPem("trusted-ca-file", files.trustedCaFile) };
  const isClientKnown = files.clientCertAuth === true;
  return {
    cert: readPem("cert-file", files.certFile),
    key: readPem("key-file", files.keyFile),
    ...ca,
    ALPNProtocols: ["h2"],
    requestCert: isClientKnown,
    rejectUnauthorized: isClientKnown,
    minVersion: "TLSv1.2",
  };
}
