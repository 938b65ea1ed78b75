#!/usr/bin/env node
// The entry of every CNI plugin. Compiled, it is one executable with a link for each plugin, told apart by the name it
// is called by; on Node the plugin's name is the first argument: `node cni-plugins/main.ts bridge`.
import { PLUGIN_NAMES } from "#spec/plugin-names";
import { sys } from "#sys";
import { processMachine } from "./machine.ts";
import { pluginNamed } from "./registry.ts";
import { serve } from "./skeleton.ts";
import { processStreams } from "./streams.ts";

function main(): number {
  const streams = processStreams(sys);
  const plugin =
    pluginNamed(process.argv0.slice(process.argv0.lastIndexOf("/") + 1)) ?? pluginNamed(process.argv[2] ?? "");
  if (plugin !== undefined) return serve(plugin, process.env, streams, processMachine(sys), pluginNamed);
  streams.writeError(
    `this executable is the CNI plugins ${PLUGIN_NAMES.join(", ")}; call it by one of these names, through a link\n`,
  );
  return 1;
}

// Nothing is left to do after the output: leave at once instead of winding the runtime down.
process.exit(main());
