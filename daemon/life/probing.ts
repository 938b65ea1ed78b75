// Probes the peers while the daemon lives, and tells of what was found.
import type { Family } from "#kernel/ip/address";
import type { Prober } from "#kernel/raw";
import type { AppContext } from "../app.ts";
import { Probes } from "../health/probes.ts";
import type { PeerTable } from "../lease/peers.ts";
import type { Setup } from "./fabric-keeper.ts";

/** Results that are no news are written at most so often. */
const WRITE_MS = 10_000;

export type OpenEcho = (family: Family) => Prober;

/** Ends when `signal` aborts. */
export async function keepProbing(
  { ports, options, status, troubles }: AppContext,
  { peers, setup }: { readonly peers: PeerTable; readonly setup: () => Setup },
  signal: AbortSignal,
): Promise<void> {
  const { openEcho } = ports;
  const { probeIntervalMs: intervalMs } = options;
  if (openEcho === undefined || intervalMs === undefined) return;
  const opened: Prober[] = [];
  try {
    const open = (family: Family): Prober => {
      const echo = openEcho(family);
      opened.push(echo);
      return echo;
    };
    const echo = { 4: open(4), 6: open(6) };
    let written = -Infinity;
    const probes = new Probes({
      clock: ports.clock,
      targets: {
        leases: () => peers.leases(),
        node: () => setup().node,
        overlayMtu: () => setup().backend.mtu(setup().node),
      },
      echo,
      intervalMs,
      onProbed: (isNews) => {
        troubles.report("mtu", probes.shortfall());
        const now = ports.clock.monotonic();
        if (!isNews && now < written + WRITE_MS) return;
        written = now;
        status.changed();
      },
    });
    status.sources.probes = () => probes.results();
    await probes.run(signal);
  } catch (error) {
    // A host that cannot be probed from is a host all the same.
    troubles.report("probe", error);
  } finally {
    for (const each of opened) each.close();
  }
}
