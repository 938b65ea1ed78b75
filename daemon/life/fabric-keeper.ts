// What this node's fabric is made of while the daemon runs: network configuration, host, backend. Each may change under
// it, and is then taken up without a restart: the kernel first, then the lease that tells the others, then the subnet file.
// A backend with other devices is put beside the one before, until no peer needs that any more.
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { Backend } from "../backend/port.ts";
import { createBackend } from "../backend/registry.ts";
import { composeFabric, type ExtrasOptions, type FabricState } from "../fabric.ts";
import { networksOf, parseNetwork } from "../lease/network.ts";
import type { AddressGuard } from "../lease/address-guard.ts";
import type { Claimant } from "../lease/choice.ts";
import { lacking, presentAddresses, sameAddresses } from "../lease/whereabouts.ts";
import type { LeaseHolder } from "../lease/holder.ts";
import type { PeerTable } from "../lease/peers.ts";
import type { Network, Node } from "../lease/types.ts";
import { servingBackend } from "../reconcile/admission.ts";
import type { Fabric, Reconciler } from "../reconcile/reconciler.ts";
import type { AcceptPlace } from "../traffic/firewall.ts";
import { subnetFileText } from "../subnet-file.ts";
import { backendOf, type Configured, sharesDevices } from "./backends.ts";
import { refusal } from "./config-change.ts";
import { findNode } from "./startup.ts";

export interface Setup {
  readonly network: Network;
  readonly node: Node;
  readonly backend: Backend;
  /** The network's document as stored. */
  readonly configText: string;
}

export interface FabricParts {
  readonly holder: LeaseHolder;
  readonly claimant: Claimant;
  readonly peers: PeerTable;
  readonly guard: AddressGuard;
  readonly extras: ExtrasOptions;
  /** What peers still needed when an earlier run ended, besides the set-up. */
  readonly outgoing: readonly Configured[];
  /** Called after the subnet file's text or the state to keep may have changed. */
  readonly onChange: () => void;
}

/** An outgoing backend is looked at this often, and goes when nobody needed it twice in a row. */
const RETIRE_CHECK_MS = 5_000;

/** A host in motion (an address that goes before the next one comes) is read when it has been still for this long. */
const HOST_GATHER_MS = 300;

/** A host with a great many routes that change all the time is read for no more than one part of its time in so many. */
const HOST_REST = 20;

/** While no interface fits, the host is read this often besides. */
const HOST_RETRY_MS = 10_000;

export class FabricKeeper {
  readonly #context: AppContext;
  readonly #parts: FabricParts;
  #setup: Setup;
  /** Networks whose backends are still needed by peers. */
  #outgoing: readonly Configured[];
  /** The configuration that this node's lease tells of. */
  #toldText: string;
  #reconciler: Reconciler | undefined;
  #signal: AbortSignal | undefined;
  /** Grows with each change, so that a later one ends what an earlier one still waits for. */
  #generation = 0;
  #isHostChanged = false;
  #wake: (() => void) | undefined;
  #isRetiring = false;
  #state: FabricState = { arePeersKnown: false, accepts: [] };

  constructor(context: AppContext, setup: Setup, parts: FabricParts) {
    this.#context = context;
    this.#setup = setup;
    this.#parts = parts;
    this.#toldText = setup.configText;
    this.#outgoing = parts.outgoing;
    this.#dropDoubles();
  }

  get setup(): Setup {
    return this.#setup;
  }

  /** What a later run needs to go on from here: what the lease tells of, and what else peers need. */
  get kept(): { readonly config: string; readonly outgoing?: readonly string[] } {
    const texts = [this.#setup, ...this.#outgoing].map(({ configText }) => configText);
    const outgoing = texts.filter((text) => text !== this.#toldText);
    // One that the lease does not tell of yet is in the store.
    return this.#outgoing.length === 0 ? { config: this.#toldText } : { config: this.#toldText, outgoing };
  }

  /** The subnet file's text. While two backends are up, containers get an MTU that fits both. */
  get subnetFile(): string {
    const { network, node } = this.#setup;
    const mtu = Math.min(...this.#backends().map((backend) => backend.mtu(node)));
    return subnetFileText(network, node.subnet, mtu, this.#context.options.ipMasq);
  }

  fabric(): Fabric {
    const { network, node } = this.#setup;
    return composeFabric(network, node, this.#backends(), this.#parts.extras, this.#state);
  }

  /** To be called before the reconciler is told of all leases: what the fabric needs then comes in the same pass. */
  peersKnown(): void {
    if (this.#state.arePeersKnown) return;
    this.#state = { ...this.#state, arePeersKnown: true };
    this.#reconciler?.configure(this.fabric());
  }

  /** Where iptables needs accepting rules of ours. */
  takeAccepts(accepts: readonly AcceptPlace[]): void {
    if (JSON.stringify(accepts) === JSON.stringify(this.#state.accepts)) return;
    this.#state = { ...this.#state, accepts };
    this.#reconciler?.configure(this.fabric());
  }

  /** From now on until `signal` aborts, changes go to the reconciler. */
  start(reconciler: Reconciler, signal: AbortSignal): void {
    this.#reconciler = reconciler;
    this.#signal = signal;
    if (this.#outgoing.length > 0) void this.#retire();
    const { watchHost } = this.#context.ports;
    const watch = watchHost?.((index, destination) => {
      const isBroken = this.#context.troubles.get("interface") !== undefined;
      const { network, node } = this.#setup;
      if (index !== undefined && index !== node.link.index && !isBroken && !this.#isOnTheWay(index)) return;
      // Containers' routes, but for those that the underlay may have inside the fabric's network.
      const isInside = (own: Prefix): boolean => destination !== undefined && own.contains(destination);
      if (Object.values(node.subnet).some((subnet) => isInside(subnet.masked))) return;
      if (networksOf(network).some(isInside) && !node.onLink.some((prefix) => destination!.overlaps(prefix))) return;
      this.#isHostChanged = true;
      this.#wake?.();
    });
    if (watch === undefined) return;
    signal.addEventListener("abort", () => watch[Symbol.dispose](), { once: true });
    // What changed while nobody watched.
    this.#takeHost();
    void this.#followHost(signal);
  }

  /** A link that a route leaves by which may lead to peers. */
  #isOnTheWay(index: number): boolean {
    return this.#setup.node.routes.some((route) => route.index === index);
  }

  /** The configuration as the store has it now; undefined when it was deleted. */
  takeConfig(text: string | undefined): void {
    const { troubles, log, status } = this.#context;
    try {
      if (text === undefined) {
        const advice = "this node goes on with the one it has; write it again";
        throw new LodenError("ERR_CONFIG", `the network configuration has been deleted: ${advice}`);
      }
      if (text !== this.#setup.configText) {
        const next = this.#judge(text);
        log.info({ backend: next.backend.type }, "the network configuration has changed, and is taken up");
        for (const warning of next.backend.warnings) log.warn({ backend: next.backend.type }, warning);
        this.#change(next);
      }
      troubles.report("config", undefined);
    } catch (error) {
      troubles.report("config", error);
    }
    status.changed();
  }

  /** @throws LodenError why it cannot be taken up */
  #judge(text: string): Setup {
    const { network: current, node } = this.#setup;
    try {
      const network = parseNetwork(text);
      const refused = refusal(current, network, node.subnet, this.#parts.peers.leases());
      if (refused !== undefined) throw refused;
      return { network, node, backend: createBackend(network, node), configText: text };
    } catch (error) {
      if (!(error instanceof LodenError)) throw error;
      const advice = "this node goes on with the one it has";
      if (error.message.includes(advice)) throw error;
      throw new LodenError("ERR_CONFIG", `the new network configuration is wrong: ${error.message}; ${advice}`, {
        cause: error,
      });
    }
  }

  /** Reads the host after each change, until `signal` aborts; and now and then while it has no interface that fits. */
  async #followHost(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.ports;
    let took = 0;
    while (!signal.aborted) {
      if (!this.#isHostChanged) await this.#hostChange(signal);
      await clock.sleep(Math.max(HOST_GATHER_MS, took * HOST_REST), signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#isHostChanged = false;
      const begun = clock.monotonic();
      this.#takeHost();
      took = clock.monotonic() - begun;
    }
  }

  async #hostChange(signal: AbortSignal): Promise<void> {
    const changed = new AbortController();
    this.#wake = () => changed.abort();
    const ends = AbortSignal.any([signal, changed.signal]);
    const isBroken = this.#context.troubles.get("interface") !== undefined;
    if (isBroken) await this.#context.ports.clock.sleep(HOST_RETRY_MS, ends).catch(() => undefined);
    else if (!ends.aborted) await new Promise((resolve) => ends.addEventListener("abort", resolve, { once: true }));
    this.#wake = undefined;
  }

  #takeHost(): void {
    const { troubles, log } = this.#context;
    const { network, node: before, configText } = this.#setup;
    try {
      // The identity and the subnet are this node's own, whichever interface it uses.
      const { node: found, rule } = findNode(this.#context, network);
      // As are the MACs that peers know, and what a command said of it.
      const { id, subnet, macs, commandOutput } = before;
      const prepared = { ...(macs && { macs }), ...(commandOutput !== undefined && { commandOutput }) };
      const node: Node = { ...found, ...prepared, id, subnet };
      troubles.report("interface", undefined);
      const isReachedAsBefore = outline(node) === outline(before);
      if (isReachedAsBefore && JSON.stringify(node.routes) === JSON.stringify(before.routes)) return;
      const backend = createBackend(network, node);
      if (isReachedAsBefore) {
        log.info(
          { count: node.routes.length },
          "this host's routes have changed: how each peer is reached is judged anew",
        );
      } else {
        const addresses = Object.values(node.publicAddress).join(" ");
        log.info(
          { interface: node.link.name, address: addresses, mtu: node.link.mtu },
          `this host is reached differently now, by ${rule}; the subnet stays`,
        );
        this.#context.ports.store.reconnect?.();
      }
      this.#change({ network, node, backend, configText });
    } catch (error) {
      troubles.report("interface", error);
    }
  }

  #change(next: Setup): void {
    const { status } = this.#context;
    const before = this.#setup;
    const isMove = !sharesDevices(before.backend, next.backend, next.node);
    if (isMove) this.#outgoing = [before, ...this.#outgoing];
    this.#setup = next;
    this.#dropDoubles();
    status.sources.network = next.network;
    status.sources.node = next.node;
    status.sources.configText = next.configText;
    this.#parts.guard.move(next.node.publicAddress);
    const generation = ++this.#generation;
    this.#reconciler?.configure(this.fabric());
    void this.#publish(generation, isMove);
    if (this.#outgoing.length > 0) void this.#retire();
    this.#parts.onChange();
  }

  /** Of those on their way out the ones that the one in force takes the place of, or that this host cannot serve. */
  #dropDoubles(): void {
    const { backend: current, node } = this.#setup;
    this.#outgoing = this.#outgoing.filter(({ network }) => {
      const backend = backendOf(network, node);
      return backend !== undefined && !sharesDevices(backend, current, node);
    });
  }

  /** Tells the others when the kernel is as it should be: what they send from then on must be expected here. */
  async #publish(generation: number, isMove: boolean): Promise<void> {
    const { reconciler, clock, signal } = this.#running();
    await reconciler.settled();
    // A new address is better told than not, whatever else is wrong; a new backend can wait, as the old one works.
    const isSuperseded = (): boolean => generation !== this.#generation || signal.aborted;
    while (!reconciler.state().ready && !isSuperseded()) {
      if (!isMove) break;
      await clock.sleep(1_000, signal).catch(() => undefined);
    }
    if (isSuperseded()) return;
    const { network, node, backend, configText } = this.#setup;
    const { holder, guard } = this.#parts;
    const present = node.publicAddress;
    const claimant = { ...this.#parts.claimant, publicAddress: present };
    const { leaseType: backendType } = backend;
    holder.restate({
      network,
      // An address that another live node has is told when it is free; until then, that the one of before is given up.
      ...(guard.isFree ? { claimant, present: undefined } : guard.conflict === undefined ? {} : { present }),
      backendType,
      backendData: backend.advertise(node),
    });
    this.#toldText = configText;
    this.#parts.onChange();
  }

  /** Peers are told this node's address if nobody else has it, or else which one it has left, unless they were. */
  tellAddress(): void {
    const { holder, guard } = this.#parts;
    const { publicAddress } = this.#setup.node;
    const told = holder.held === undefined ? {} : presentAddresses(holder.held.lease);
    const isTold = guard.isFree ? sameAddresses(told, publicAddress) : sameAddresses(lacking(told, publicAddress), {});
    if (this.#reconciler === undefined || isTold || (!guard.isFree && guard.conflict === undefined)) return;
    void this.#publish(this.#generation, false);
  }

  async #retire(): Promise<void> {
    if (this.#isRetiring) return;
    this.#isRetiring = true;
    const { reconciler, clock, signal } = this.#running();
    let unneeded = 0;
    while (this.#outgoing.length > 0 && !signal.aborted) {
      await clock.sleep(RETIRE_CHECK_MS, signal).catch(() => undefined);
      if (signal.aborted) break;
      unneeded = this.#parts.holder.isCurrent && !this.#isOutgoingNeeded() ? unneeded + 1 : 0;
      if (unneeded < 2) continue;
      this.#outgoing = [];
      this.#context.log.info(
        { backend: this.#setup.backend.type },
        "every node uses the new backend; the old one goes",
      );
      reconciler.configure(this.fabric());
      this.#parts.onChange();
    }
    this.#isRetiring = false;
  }

  #isOutgoingNeeded(): boolean {
    const backends = this.#backends();
    return this.#parts.peers.leases().some((lease) => {
      const serving = servingBackend(backends, lease);
      return serving !== undefined && serving !== backends[0];
    });
  }

  /** The one in force first. */
  #backends(): Backend[] {
    const { backend, node } = this.#setup;
    return [backend, ...this.#outgoing.flatMap(({ network }) => backendOf(network, node) ?? [])];
  }

  #running() {
    if (this.#reconciler === undefined || this.#signal === undefined) {
      throw new LodenError("ERR_INTERNAL", "the fabric changes before it is started");
    }
    return { reconciler: this.#reconciler, clock: this.#context.ports.clock, signal: this.#signal };
  }
}

/** What backends make of a host. Of its many addresses only whether a public one is among them. */
function outline({ link, address, publicAddress, onLink, hostAddresses }: Node): string {
  const isHere = Object.values(publicAddress).map((own) => hostAddresses.some((other) => other.equals(own)));
  return JSON.stringify([link, address, publicAddress, onLink, isHere]);
}
