// SHA-512, which the reference plugins name their chains and comments with.

/** Hexadecimal. In the executables by Bun's own hasher: loading node:crypto there takes more than three milliseconds. */
export function sha512Hex(text: string): string {
  if (typeof Bun !== "undefined") return new Bun.CryptoHasher("sha512").update(text).digest("hex");
  return process.getBuiltinModule("node:crypto").createHash("sha512").update(text).digest("hex");
}
