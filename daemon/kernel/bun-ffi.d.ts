// The part of Bun's built-in modules that Loden uses, so that its sources type-check without Bun's own types.

declare module "bun:ffi" {
  /** An address, as a number. */
  export type Pointer = number;

  export interface FFIFunction {
    readonly args: readonly string[];
    readonly returns: string;
  }

  /** Throws when the library or a symbol is missing. `ptr` arguments take typed arrays, addresses and null. */
  export function dlopen<T extends Readonly<Record<string, FFIFunction>>>(
    name: string,
    symbols: T,
  ): { readonly symbols: { readonly [K in keyof T]: (...args: readonly unknown[]) => number }; close(): void };

  export const read: { i32(address: Pointer, offset: number): number };

  /** A copy of the NUL-terminated text at an address. */
  export class CString extends String {
    constructor(address: Pointer);
  }
}
