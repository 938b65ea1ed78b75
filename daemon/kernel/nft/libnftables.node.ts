// libnftables (libnftables(3)) through koffi. Loaded by the import "#libnftables" under every condition but "bun".
import koffi from "koffi";
import { NFT_CTX_DEFAULT, NFT_CTX_OUTPUT_ECHO, NFT_CTX_OUTPUT_JSON, LIBNFTABLES } from "./runner.ts";
import type { NftRunner } from "./runner.ts";

interface Library {
  readonly create: (flags: number) => bigint | null;
  readonly free: (context: bigint) => void;
  readonly setFlags: (context: bigint, flags: number) => void;
  readonly bufferOutput: (context: bigint) => number;
  readonly bufferError: (context: bigint) => number;
  readonly output: (context: bigint) => string | null;
  readonly error: (context: bigint) => string | null;
  readonly run: (context: bigint, commands: Uint8Array) => number;
}

let library: Library | undefined;

function bind(): Library {
  const lib = koffi.load(LIBNFTABLES);
  const func = lib.func.bind(lib) as (name: string, result: string, args: string[]) => unknown;
  const functions = {
    create: func("nft_ctx_new", "void *", ["uint32_t"]),
    free: func("nft_ctx_free", "void", ["void *"]),
    setFlags: func("nft_ctx_output_set_flags", "void", ["void *", "uint32_t"]),
    bufferOutput: func("nft_ctx_buffer_output", "int", ["void *"]),
    bufferError: func("nft_ctx_buffer_error", "int", ["void *"]),
    output: func("nft_ctx_get_output_buffer", "const char *", ["void *"]),
    error: func("nft_ctx_get_error_buffer", "const char *", ["void *"]),
    run: func("nft_run_cmd_from_buffer", "int", ["void *", "void *"]),
  };
  return functions as Library;
}

/** Undefined when the library is not installed. */
export function openLibnftables(): NftRunner | undefined {
  try {
    library ??= bind();
  } catch {
    return undefined;
  }
  const lib = library;
  let context = lib.create(NFT_CTX_DEFAULT);
  if (context === null) return undefined;
  lib.bufferOutput(context);
  lib.bufferError(context);
  return {
    run(input, echo) {
      if (context === null) throw new TypeError("the nftables context is closed");
      lib.setFlags(context, NFT_CTX_OUTPUT_JSON | (echo ? NFT_CTX_OUTPUT_ECHO : 0));
      const status = lib.run(context, new TextEncoder().encode(`${input}\0`));
      return {
        isDone: status === 0,
        output: lib.output(context) ?? "",
        complaint: lib.error(context) ?? "",
      };
    },
    close() {
      if (context !== null) lib.free(context);
      context = null;
    },
  };
}
