// One run of lodend: joins the parts to this machine, and lives until a signal. Loaded once the options are known to be
// right, so that a mistake in them, --help and --version are answered at once.
import { sys } from "#sys";
import { serviceManager } from "#kernel/notify";
import { openProber } from "#kernel/raw";
import { errorText } from "#spec/errors";
import { createApp } from "./app.ts";
import { systemFiles } from "./atomic-file.ts";
import { requireNetAdmin } from "./capability.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { DrainRequest } from "./life/release.ts";
import { createLog, type Log } from "./log.ts";
import { firewallView } from "./node/firewall-view.ts";
import { HostDatapaths } from "./backend/udp/host-datapaths.ts";
import { readHost } from "./node/host.ts";
import { readBootId, readMachineId } from "./node/identity.ts";
import { watchHost } from "./node/watch.ts";
import type { Options } from "./options.ts";
import { NetlinkKernel } from "./reconcile/kernel/netlink.ts";
import { ResidentKeeper } from "./resident/keeper.ts";
import { hindrance, readSurroundings, residentExecutable } from "./resident/place.ts";
import type { StatusBoard } from "./status-board.ts";
import { serveState } from "./state-socket.ts";
import { openStore } from "./store/open.ts";
import { VERSION } from "./version.ts";

/** Exit status after a signal, and after what ended the daemon. */
const EXIT = { ok: 0, failed: 1 } as const;

/** Resolves to the exit status. @throws LodenError ERR_USAGE for files named in the options that cannot be used */
export async function runDaemon(options: Options): Promise<number> {
  const log = await createLog({ ...options.log, terminal: process.stderr.isTTY });
  const store = openStore(options.etcd);
  dieLoudly(log);
  log.info({ version: VERSION, options: options.given, store: store.name }, "lodend starts");
  for (const warning of options.warnings) log.warn({}, warning);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Once: a second signal finds the default disposition, and kills.
    process.once(signal, () => {
      log.info({ signal }, "asked to stop");
      stop.abort();
    });
  }
  // `loden drain` asks with it.
  process.once("SIGUSR2", () => {
    log.info({ signal: "SIGUSR2" }, "asked to give the lease back and stop");
    stop.abort(new DrainRequest());
  });
  try {
    requireNetAdmin();
    const datapaths = new HostDatapaths({
      sys,
      offloads: options.udpOffloads,
      log,
      onChange: () => app.status.changed(),
    });
    const app = createApp(options, {
      sys,
      store,
      clock: systemClock,
      random: systemRandom,
      files: systemFiles,
      log,
      readHost: () => readHost(sys, options.interface.canReach),
      watchHost: (onChange) => watchHost(sys, onChange),
      machineId: readMachineId(),
      bootId: readBootId(),
      openKernel: (marks) => new NetlinkKernel({ sys, marks, datapaths: datapaths.open(marks.nftTable) }),
      kernelDatapathObstacle: datapaths.obstacle,
      openEcho: (family) => openProber(sys, family),
      serviceManager: serviceManager(sys, process.env),
      serveState: (path, document) => serveState(path, document, log),
      openFirewallView: (marks) => firewallView(sys, marks),
    });
    app.status.sources.datapath = () => datapaths.status;
    app.status.sources.datapathWorker = () => datapaths.worker;
    app.status.sources.traffic = () => datapaths.traffic();
    await using _resident = keepResident(options, log, app.status);
    await app.run(stop.signal);
    return EXIT.ok;
  } catch (error) {
    log.error({ err: error }, `lodend ends: ${errorText(error)}`);
    return EXIT.failed;
  }
}

/** Starts the resident CNI plugins where that makes sense. They need nothing of the daemon, nor it of them. */
function keepResident(options: Options, log: Log, status: StatusBoard): AsyncDisposable {
  const { cniSocket: socket } = options;
  const executable = residentExecutable();
  const none: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };
  if (socket === undefined || executable === undefined) return none;
  const reason = hindrance(readSurroundings());
  if (reason !== undefined) {
    log.info({ component: "cni" }, `no resident CNI plugins: ${reason}`);
    status.sources.resident = () => ({ socket, state: "off", pid: null, reason });
    return none;
  }
  const keeper = new ResidentKeeper({ executable, socket, clock: systemClock, log, onChange: () => status.changed() });
  status.sources.resident = () => keeper.status;
  keeper.start();
  return { [Symbol.asyncDispose]: () => keeper.stop() };
}

/** A defect of ours ends the process with its stack in the log: whoever supervises it starts a fresh one. */
function dieLoudly(log: Log): void {
  const die = (error: unknown): void => {
    log.error({ err: error }, "lodend ends: a defect");
    process.exit(EXIT.failed);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
}
