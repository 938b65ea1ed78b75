// The part of Bun's globals that Loden uses, so that its sources type-check without Bun's own types. `Bun.FFI` is what the
// module "bun:ffi" exports: see sys.bun.ts.

declare namespace Bun {
  /** An address, as a number. */
  type Pointer = number;

  interface FFIFunction {
    readonly args: readonly string[];
    readonly returns: string;
  }

  interface Library<T> {
    readonly symbols: { readonly [K in keyof T]: (...args: readonly unknown[]) => number };
    close(): void;
  }

  const unsafe: {
    /** How late compilers begin: 1 is the usual, more is later. */
    setJITPolicy(scale: number): void;
  };

  class CryptoHasher {
    constructor(algorithm: "sha512");
    update(text: string): this;
    digest(encoding: "hex"): string;
  }

  const FFI: {
    /**
     * Gives an error when the library or a symbol is missing. `ptr` arguments take typed arrays, addresses and null. The
     * name is taken as it is.
     */
    dlopen<T extends Readonly<Record<string, FFIFunction>>>(name: string, symbols: T): Library<T> | Error;

    readonly read: { i32(address: Pointer, offset: number): number };

    /** A copy of the NUL-terminated text at an address. */
    readonly CString: new (address: Pointer) => { toString(): string };
  };
}
