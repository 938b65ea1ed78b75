// A certificate authority for one test, by the openssl program.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

export interface Certificate {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
}

export class Authority implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "loden-ca-"));
  readonly #own: Certificate;

  constructor() {
    this.#own = this.#make("ca", ["-subj", "/CN=test authority"]);
  }

  /** The authority's own certificate, a PEM file. */
  get certificate(): string {
    return this.#own.certificate;
  }

  /** Signs a certificate for the names, e.g. "IP:127.0.0.1" or "DNS:etcd.example". */
  issue(name: string, ...subjectAltNames: readonly string[]): Certificate {
    const names = subjectAltNames.length === 0 ? [] : ["-addext", `subjectAltName=${subjectAltNames.join(",")}`];
    const by = ["-CA", this.#own.certificate, "-CAkey", this.#own.key, "-addext", "basicConstraints=critical,CA:FALSE"];
    return this.#make(name, ["-subj", `/CN=${name}`, ...by, ...names]);
  }

  /** As issue, but the certificate ended yesterday. */
  issueExpired(name: string, ...subjectAltNames: readonly string[]): Certificate {
    const [certificate, key, request] = ["pem", "key", "csr"].map((end) => join(this.#directory, `${name}.${end}`)) as [
      string,
      string,
      string,
    ];
    const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${subjectAltNames.join(",")}`];
    const run = (...args: string[]): unknown => execFileSync("openssl", args, { stdio: "pipe" });
    run("req", "-new", ...CURVE, "-noenc", "-keyout", key, "-out", request, ...names);
    const by = ["-CA", this.#own.certificate, "-CAkey", this.#own.key, "-days", "-1", "-copy_extensions", "copyall"];
    run("x509", "-req", "-in", request, "-out", certificate, ...by);
    return { certificate, key };
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }

  #make(name: string, args: readonly string[]): Certificate {
    const certificate = join(this.#directory, `${name}.pem`);
    const key = join(this.#directory, `${name}.key`);
    execFileSync(
      "openssl",
      ["req", "-x509", ...CURVE, "-noenc", "-days", "2", "-keyout", key, "-out", certificate, ...args],
      { stdio: "pipe" },
    );
    return { certificate, key };
  }
}

/** The text of PEM files, as the client takes them. */
export function pemText({ certificate, key }: Certificate): { certificate: string; key: string } {
  return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
}
