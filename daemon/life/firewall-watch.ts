// Keeps an eye on this host's firewalls while the daemon lives: what drops forwarded traffic is reported with what to do
// about it, or answered with an accept where one helps; and what the source filter has dropped is told.
import { LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { AcceptPlace } from "../traffic/firewall.ts";
import { chooseFirewall } from "../traffic/firewall.ts";
import { judgeBarriers, type Barrier } from "../traffic/barriers.ts";
import type { Setup } from "./fabric-keeper.ts";

/** Milliseconds between looks, for what tells nobody: the legacy tables of iptables. */
const PERIOD_MS = 30_000;

/** A firewall that is being loaded is looked at when it has been still for this long. */
const GATHER_MS = 500;

/** Where rules change all the time (kube-proxy's by the thousand), looking at them takes no more than one part of so many. */
const REST_PER_LOOK = 20;

/** What the daemon sees of this host's firewalls. */
export interface FirewallView {
  /** @throws LodenError when a firewall that is there cannot be read */
  barriers(setup: Setup): readonly Barrier[];
  /** What `iptables` stands for on this host. */
  defaultVariant(): AcceptPlace["variant"] | undefined;
  /** Packets that the source filter has dropped; undefined where there is no filter. */
  dropped(): number | undefined;
  /** Calls back after anybody has changed nf_tables. */
  watch(onChange: () => void): Disposable;
}

export interface FirewallWatchParts {
  readonly view: FirewallView;
  readonly setup: () => Setup;
  readonly onAccepts: (accepts: readonly AcceptPlace[]) => void;
}

/** Ends when `signal` aborts. */
export async function watchFirewalls(
  context: AppContext,
  { view, setup, onAccepts }: FirewallWatchParts,
  signal: AbortSignal,
): Promise<void> {
  const { ports, options, status } = context;
  const changes = new Changes();
  using _watch = view.watch(() => changes.tell());
  const reported = new Set<string>();
  let dropped = 0;
  while (!signal.aborted) {
    const began = ports.clock.monotonic();
    if (options.forwardRules) look(context, { view, setup, onAccepts }, reported);
    const rest = REST_PER_LOOK * (ports.clock.monotonic() - began);
    const now = view.dropped() ?? 0;
    if (now > dropped) {
      const text = "encapsulated packets from addresses of no peer were dropped by the source filter";
      context.log.warn({ count: now - dropped }, text);
      status.changed();
    }
    // The counter begins anew with the table.
    dropped = now;
    await changes.next(ports.clock, PERIOD_MS, signal);
    await ports.clock.sleep(Math.max(GATHER_MS, rest), signal).catch(() => undefined);
  }
}

function look(context: AppContext, { view, setup, onAccepts }: FirewallWatchParts, reported: Set<string>): void {
  const { options, troubles } = context;
  const { network } = setup();
  try {
    const situation = {
      flag: options.firewall,
      choice: chooseFirewall(options.firewall, network),
      defaultVariant: view.defaultVariant(),
      ranges: network.ranges,
    };
    const { accepts, problems } = judgeBarriers(view.barriers(setup()), situation);
    onAccepts(accepts);
    for (const name of reported) {
      if (problems.has(name)) continue;
      reported.delete(name);
      troubles.report(name, undefined);
    }
    for (const [name, problem] of problems) {
      reported.add(name);
      troubles.report(name, problem);
    }
    troubles.report(UNREADABLE, undefined);
  } catch (error) {
    if (!(error instanceof LodenError)) throw error;
    const text = `whether another firewall of this host drops forwarded traffic is not known: ${error.message}`;
    troubles.report(UNREADABLE, new LodenError(error.code, text, { cause: error }));
  }
}

const UNREADABLE = "firewall";

/** Lets one wait for the next change, or for a time. */
class Changes {
  #wake: (() => void) | undefined;
  #isPending = false;

  tell(): void {
    this.#isPending = true;
    this.#wake?.();
  }

  async next(clock: AppContext["ports"]["clock"], limitMs: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#isPending) woken.abort();
    await clock.sleep(limitMs, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    this.#wake = undefined;
    this.#isPending = false;
  }
}
