// The health server of a running daemon: what it tells comes from the status, and from the process itself.
import type { AppContext } from "../app.ts";
import { exposition } from "../health/exposition.ts";
import { metricFamilies, type ProcessFigures } from "../health/metrics.ts";
import { startHealthServer } from "../health/server.ts";
import type { Options } from "../options.ts";

/** Answers until disposed. @throws LodenError ERR_CONFIG when the address cannot be listened on */
export async function serveHealth(
  { status, log }: AppContext,
  listen: NonNullable<Options["health"]>,
): Promise<AsyncDisposable> {
  const server = await startHealthServer(listen, {
    status: () => status.document(),
    metrics: () =>
      exposition(metricFamilies(status.document(), status.counts, processFigures(), status.sources.traffic?.() ?? [])),
  });
  log.info({ listen: `${listen.address} port ${server.port}` }, "the health server listens");
  return server;
}

function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
}
