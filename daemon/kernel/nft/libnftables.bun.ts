// libnftables (libnftables(3)) through Bun's FFI. Loaded by the import "#libnftables" under the condition "bun".
import { NFT_CTX_DEFAULT, NFT_CTX_OUTPUT_ECHO, NFT_CTX_OUTPUT_JSON, LIBNFTABLES } from "./runner.ts";
import type { NftRunner } from "./runner.ts";

const PROTOTYPES = {
  nft_ctx_new: { args: ["u32"], returns: "ptr" },
  nft_ctx_free: { args: ["ptr"], returns: "void" },
  nft_ctx_output_set_flags: { args: ["ptr", "u32"], returns: "void" },
  nft_ctx_buffer_output: { args: ["ptr"], returns: "i32" },
  nft_ctx_buffer_error: { args: ["ptr"], returns: "i32" },
  nft_ctx_get_output_buffer: { args: ["ptr"], returns: "ptr" },
  nft_ctx_get_error_buffer: { args: ["ptr"], returns: "ptr" },
  nft_run_cmd_from_buffer: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

type Library = Bun.Library<typeof PROTOTYPES>["symbols"];

let library: Library | undefined;

function load(): Library | undefined {
  const opened = Bun.FFI.dlopen(LIBNFTABLES, PROTOTYPES);
  return opened instanceof Error ? undefined : opened.symbols;
}

/** Undefined when the library is not installed. */
export function openLibnftables(): NftRunner | undefined {
  const lib = (library ??= load());
  if (lib === undefined) return undefined;
  let context: number | null = lib.nft_ctx_new(NFT_CTX_DEFAULT);
  // A null pointer comes back as null, whatever the type says.
  if (!context) return undefined;
  lib.nft_ctx_buffer_output(context);
  lib.nft_ctx_buffer_error(context);
  return {
    run(input, echo) {
      if (context === null) throw new TypeError("the nftables context is closed");
      lib.nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_JSON | (echo ? NFT_CTX_OUTPUT_ECHO : 0));
      const status = lib.nft_run_cmd_from_buffer(context, new TextEncoder().encode(`${input}\0`));
      return {
        isDone: status === 0,
        output: text(lib.nft_ctx_get_output_buffer(context)),
        complaint: text(lib.nft_ctx_get_error_buffer(context)),
      };
    },
    close() {
      if (context !== null) lib.nft_ctx_free(context);
      context = null;
    },
  };
}

function text(address: number | null): string {
  return address ? new Bun.FFI.CString(address).toString() : "";
}
