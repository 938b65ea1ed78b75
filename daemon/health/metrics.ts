// What Prometheus reads under /metrics of the health server: figures of the status document, and what was counted since
// the daemon started. spec/metrics.md lists them.
import type { PeerTrafficCounts, TrafficCounts } from "#spec/state-document";
import type { PathStatus, PeerProbe, Status } from "#spec/status";
import type { MetricFamily, Sample } from "./exposition.ts";

/** Counted since the daemon started. */
export interface Counts {
  /** Comparisons of the kernel with what it should be. */
  readonly passes: number;
  /** Objects that were made, altered or deleted. */
  readonly changes: number;
  /** Objects that the kernel did not take. */
  readonly failures: number;
  /** Objects that were altered from outside and restored. */
  readonly repairs: number;
}

/** The process itself, as Prometheus' own client libraries tell it. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** @param traffic what the udp backend counts of each peer */
export function metricFamilies(
  status: Status,
  counts: Counts,
  process: ProcessFigures,
  traffic: readonly PeerTrafficCounts[] = [],
): MetricFamily[] {
  const { lease, store, peers, kernel, sourceFilter, resident, datapath, datapathWorker, problems } = status;
  const problemCodes = Map.groupBy(problems, ({ code }) => code);
  const isConflict = [status.reason, ...problems].some((problem) => problem?.code === "ERR_LEASE_CONFLICT");
  return [
    one("process_start_time_seconds", "When the daemon started, since the epoch.", seconds(status.started)),
    counted("process_cpu_seconds_total", "CPU time that the daemon used.", process.cpuSeconds),
    one("process_resident_memory_bytes", "Memory that the daemon holds.", process.residentBytes),
    gauge("loden_info", "The daemon, its node and its backend.", [{ labels: infoLabels(status), value: 1 }]),
    one("loden_ready", "A container attached now will be reachable.", status.ready),
    gauge("loden_phase", "1 for the phase that the daemon is in.", [{ labels: { phase: status.phase }, value: 1 }]),
    gauge(
      "loden_problems",
      "What is wrong, by the code of the error.",
      [...problemCodes].map(([code, { length }]) => ({ labels: { code }, value: length })),
    ),
    gauge(
      "loden_lease_expiry_timestamp_seconds",
      "When the lease ends unless it is renewed, since the epoch; +Inf for a reservation.",
      lease === null
        ? []
        : [{ labels: { lease: lease.key }, value: lease.expires === null ? Infinity : seconds(lease.expires) }],
    ),
    one("loden_lease_conflict", "Another live node has this node's lease, address or id.", isConflict),
    one("loden_store_up", "The store answers.", store.trouble === null),
    one("loden_peers", "Leases of other nodes.", peers.known),
    one("loden_peers_unusable", "Records of other nodes that cannot be used; 50 at most.", count(peers.unusable)),
    one("loden_kernel_objects", "Routes, devices, rules and the like that the kernel should hold.", kernel.objects),
    one("loden_kernel_objects_failed", "Of these, those that it does not hold; 50 at most.", count(kernel.failed)),
    counted("loden_reconcile_passes_total", "Comparisons of the kernel with what it should hold.", counts.passes),
    counted("loden_kernel_changes_total", "Objects made, altered or deleted.", counts.changes),
    counted("loden_kernel_failures_total", "Objects that the kernel did not take.", counts.failures),
    counted("loden_kernel_repairs_total", "Objects altered from outside and restored.", counts.repairs),
    counted("loden_source_filter_dropped_total", "Packets dropped: from no peer.", sourceFilter?.dropped),
    one("loden_cni_resident_up", "The resident CNI process serves.", resident && resident.state === "serving"),
    counted(
      "loden_datapath_worker_restarts_total",
      "Ends of the thread that carries packets.",
      datapathWorker?.restarts,
    ),
    {
      name: "loden_datapath_dropped_total",
      type: "counter",
      help: "Packets that the udp backend dropped, by reason.",
      samples: Object.entries(datapath?.drops ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
    },
    ...trafficFamilies(traffic),
    ...probeFamilies(status.probes ?? []),
  ];
}

function trafficFamilies(traffic: readonly PeerTrafficCounts[]): MetricFamily[] {
  const of = (read: (counts: TrafficCounts) => number): Sample[] =>
    traffic.flatMap((peer) =>
      (["sent", "received"] as const).map((direction) => ({
        labels: { endpoint: peer.endpoint, direction },
        value: read(peer[direction]),
      })),
    );
  const family = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
    name,
    type: "counter",
    help,
    samples,
  });
  return [
    family(
      "loden_peer_packets_total",
      "Containers' packets that the udp backend carried.",
      of((counts) => counts.packets),
    ),
    family(
      "loden_peer_bytes_total",
      "Bytes of these packets.",
      of((counts) => counts.bytes),
    ),
    family(
      "loden_peer_dropped_total",
      "Packets to or from a peer that the udp backend dropped.",
      of((counts) => counts.dropped),
    ),
  ];
}

function probeFamilies(probes: readonly PeerProbe[]): MetricFamily[] {
  const of = (read: (path: PathStatus) => number | null): Sample[] =>
    probes.flatMap((probe) =>
      (["underlay", "overlay"] as const).flatMap((path) => {
        const value = read(probe[path]);
        return value === null
          ? []
          : [{ labels: { peer: probe.peer, family: `ipv${probe.family}`, path, target: probe[path].target }, value }];
      }),
    );
  return [
    gauge(
      "loden_probe_loss_ratio",
      "Echo requests to a peer without an answer, of the last 20.",
      of((p) => p.loss),
    ),
    gauge(
      "loden_probe_round_trip_seconds",
      "Round trip of the last echo request that was answered.",
      of(({ roundTripMs }) => roundTripMs && roundTripMs / 1_000),
    ),
    gauge(
      "loden_probe_mtu_bytes",
      "The longest IP packet that passed whole.",
      of(({ mtu }) => mtu),
    ),
  ];
}

function infoLabels({ version, nodeId, backend, store }: Status): Record<string, string> {
  return { version, node: nodeId ?? "", backend: backend ?? "", store: store.name };
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "gauge", help, samples };
}

/** Nothing where the figure is not known. */
function one(name: string, help: string, value: number | boolean | null): MetricFamily {
  return gauge(name, help, value === null ? [] : [{ value: Number(value) }]);
}

function counted(name: string, help: string, value: number | undefined): MetricFamily {
  return { name, type: "counter", help, samples: value === undefined ? [] : [{ value }] };
}

function seconds(time: string): number {
  return Date.parse(time) / 1_000;
}

function count(listed: object): number {
  return Object.keys(listed).length;
}
