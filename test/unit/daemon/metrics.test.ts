// Metrics: Prometheus' text format to the letter, and the figures of the status document.
import { readFileSync } from "node:fs";
import type { Status } from "#spec/status";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { exposition } from "../../../daemon/health/exposition.ts";
import { metricFamilies } from "../../../daemon/health/metrics.ts";

const LABEL = /[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"/;
const NUMBER = /(?:[+-]Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/;
const SAMPLE = new RegExp(`^[a-zA-Z_:][\\w:]*(?:\\{${LABEL.source}(?:,${LABEL.source})*\\})? ${NUMBER.source}$`);

const path = { target: "10.5.2.0", loss: 0.25, roundTripMs: 2.5, mtu: null };
const problem = (code: string) => ({ code, text: 'a "quoted"\nline', since: "2026-01-01T00:00:00.000Z" });
const running = {
  version: "0.1.0",
  nodeId: "n1",
  backend: "vxlan",
  started: "2026-01-01T00:00:00.500Z",
  phase: "running",
  ready: true,
  reason: null,
  lease: { key: "10.5.1.0-24", expires: "2026-01-02T00:00:00.000Z" },
  store: { name: "etcd", trouble: null },
  peers: { known: 3, unusable: { x: "y" } },
  kernel: { objects: 12, failed: {} },
  sourceFilter: { dropped: 4 },
  resident: { state: "waiting" },
  probes: [{ peer: "10.5.2.0-24", family: 4, underlay: path, overlay: { ...path, roundTripMs: null, mtu: 1_450 } }],
  datapathWorker: null,
  problems: [problem("ERR_MTU"), problem("ERR_MTU")],
} as unknown as Status;

const traffic = {
  endpoint: "192.168.0.2",
  sent: { packets: 3, bytes: 252, dropped: 0 },
  received: { packets: 2, bytes: 168, dropped: 1 },
};
const counts = { passes: 7, changes: 20, failures: 1, repairs: 2 };
const process = { cpuSeconds: 1.25, residentBytes: 5e7 };

/** Samples by name and labels; fails on a line that is none. */
function read(text: string): Map<string, number> {
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("# "));
  for (const line of samples) expect(line).toMatch(SAMPLE);
  return new Map(
    samples.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1).replace("Inf", "Infinity"))];
    }),
  );
}

test("the figures of a node that runs", () => {
  const samples = read(exposition(metricFamilies(running, counts, process)));
  expect(Object.fromEntries(samples)).toMatchObject({
    process_start_time_seconds: 1_767_225_600.5,
    process_cpu_seconds_total: 1.25,
    'loden_info{version="0.1.0",node="n1",backend="vxlan",store="etcd"}': 1,
    loden_ready: 1,
    'loden_phase{phase="running"}': 1,
    'loden_problems{code="ERR_MTU"}': 2,
    'loden_lease_expiry_timestamp_seconds{lease="10.5.1.0-24"}': 1_767_312_000,
    loden_lease_conflict: 0,
    loden_store_up: 1,
    loden_peers: 3,
    loden_peers_unusable: 1,
    loden_kernel_objects: 12,
    loden_kernel_objects_failed: 0,
    loden_kernel_repairs_total: 2,
    loden_source_filter_dropped_total: 4,
    loden_cni_resident_up: 0,
    'loden_probe_loss_ratio{peer="10.5.2.0-24",family="ipv4",path="underlay",target="10.5.2.0"}': 0.25,
    'loden_probe_round_trip_seconds{peer="10.5.2.0-24",family="ipv4",path="underlay",target="10.5.2.0"}': 0.0025,
    'loden_probe_mtu_bytes{peer="10.5.2.0-24",family="ipv4",path="overlay",target="10.5.2.0"}': 1_450,
  });
  expect([...samples.keys()].filter((name) => name.startsWith("loden_datapath"))).toEqual([]);
});

test("what the udp backend carried and dropped", () => {
  const datapath = { mode: "kernel", attachment: "tcx", drops: { malformed: 1 } } as const;
  const samples = read(exposition(metricFamilies({ ...running, datapath }, counts, process, [traffic])));
  expect(Object.fromEntries(samples)).toMatchObject({
    'loden_datapath_dropped_total{reason="malformed"}': 1,
    'loden_peer_packets_total{endpoint="192.168.0.2",direction="sent"}': 3,
    'loden_peer_bytes_total{endpoint="192.168.0.2",direction="received"}': 168,
    'loden_peer_dropped_total{endpoint="192.168.0.2",direction="received"}': 1,
  });
});

test("a conflict about lease or address shows wherever the status has it", () => {
  const conflict = problem("ERR_LEASE_CONFLICT");
  for (const status of [
    { ...running, ready: false, reason: conflict, problems: [] },
    { ...running, problems: [conflict] },
  ]) {
    const samples = read(exposition(metricFamilies(status as unknown as Status, counts, process)));
    expect(samples.get("loden_lease_conflict")).toBe(1);
  }
});

test("every metric is told once, by name and type, and listed with its labels", () => {
  const families = metricFamilies(
    { ...running, datapathWorker: { restarts: 0 }, datapath: { drops: { malformed: 1 } } } as unknown as Status,
    counts,
    process,
    [traffic],
  );
  const listed = readFileSync(new URL("../../../spec/metrics.md", import.meta.url), "utf8").matchAll(
    /^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm,
  );
  const rows = [...listed].map(([, name, type, labels = ""]) => [name, type, labels.replaceAll("`", "").trim()]);
  expect(rows).toEqual(
    families.map(({ name, type, samples }) => [name, type, Object.keys(samples[0]?.labels ?? {}).join(", ")]),
  );
});

test("labels and help may have any text, and values may be no numbers", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), fc.double(), (label, help, value) => {
      const text = exposition([{ name: "a", type: "gauge", help, samples: [{ labels: { label }, value }] }]);
      expect([...read(text).values()]).toEqual([Object.is(value, -0) ? 0 : value]);
    }),
  );
});
