// SHA-512, which the reference plugins name their chains and comments with.

/** Hexadecimal. The module is loaded when first needed: most invocations hash nothing. */
export function sha512Hex(text: string): string {
  return process.getBuiltinModule("node:crypto").createHash("sha512").update(text).digest("hex");
}
