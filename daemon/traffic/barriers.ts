// Other firewalls on this host that drop what is forwarded. An accept of ours, in a chain of ours, does not overrule a drop
// in somebody else's: where iptables drops, our chain in that very iptables helps; elsewhere people have to be told.
import type { Family } from "#kernel/ip/address";
import type { IptablesVariant } from "#kernel/iptables/programs";
import { LodenError } from "#spec/errors";
import type { Network } from "../lease/types.ts";
import type { AcceptPlace, Choice, Firewall } from "./firewall.ts";

/** A chain on the way of forwarded packets that drops what nothing before has accepted. */
export type Barrier = IptablesBarrier | NftBarrier;

export interface IptablesBarrier {
  readonly kind: "iptables";
  readonly family: Family;
  readonly variant: Exclude<IptablesVariant, "default">;
  /** Absent: the policy of FORWARD drops. Else the rule for all packets that does, in front of any rule of ours. */
  readonly rule?: string;
  /** Who made it, as far as chains tell. */
  readonly owner?: string;
  /** The chain that Docker leaves to users. */
  readonly hasDockerUser: boolean;
  /** iptables-save and iptables-restore of the variant are installed. */
  readonly hasPrograms: boolean;
}

export interface NftBarrier {
  readonly kind: "nftables";
  /** `inet firewalld filter_FORWARD` */
  readonly chain: string;
  readonly families: readonly Family[];
  readonly isPolicy: boolean;
  readonly owner?: string;
  /** The table's rules name our network, or a device of ours: somebody has seen to it. */
  readonly knowsUs: boolean;
}

export interface Judgement {
  /** Where accepting rules are to be added in iptables. */
  readonly accepts: readonly AcceptPlace[];
  /** By a name that stays the same while the barrier does. */
  readonly problems: ReadonlyMap<string, LodenError>;
}

export interface Situation {
  readonly flag: Firewall;
  readonly choice: Choice;
  /** The variant that `default` stands for on this host; undefined where it is not installed. */
  readonly defaultVariant: AcceptPlace["variant"] | undefined;
  readonly ranges: Network["ranges"];
}

/** What is to be done about barriers, for traffic that --iptables-forward-rules lets pass. */
export function judgeBarriers(barriers: readonly Barrier[], situation: Situation): Judgement {
  const accepts: AcceptPlace[] = [];
  const problems = new Map<string, LodenError>();
  const { flag, choice, defaultVariant, ranges } = situation;
  for (const barrier of barriers) {
    if (barrier.kind === "nftables") {
      const networks = barrier.families.flatMap((family) => ranges[family]?.network.toString() ?? []);
      if (networks.length === 0 || barrier.knowsUs) continue;
      problems.set(`firewall ${barrier.chain}`, nftProblem(barrier, networks));
      continue;
    }
    const { family, variant } = barrier;
    const network = ranges[family]?.network.toString();
    if (network === undefined) continue;
    const isOurs = (choice === "default" ? defaultVariant : choice) === variant;
    const isAuto = flag === "auto" && choice === "nftables" && barrier.hasPrograms;
    if (barrier.rule === undefined && (isOurs || isAuto)) {
      if (!isOurs) accepts.push({ family, variant });
      continue;
    }
    problems.set(`firewall ${programOf(barrier)}`, iptablesProblem(barrier, network, isOurs));
  }
  return { accepts, problems };
}

function iptablesProblem(barrier: IptablesBarrier, network: string, isOurs: boolean): LodenError {
  const program = programOf(barrier);
  const chain = barrier.hasDockerUser ? "DOCKER-USER" : "FORWARD";
  const byHand = ["-s", "-d"].map((side) => `${program} -I ${chain} ${side} ${network} -j ACCEPT`).join(" and ");
  const what =
    barrier.rule === undefined
      ? `the FORWARD chain of ${program} has the policy DROP`
      : `the FORWARD chain of ${program} has the rule "${barrier.rule}", which ends the way of every packet` +
        (isOurs ? " before it comes to FLANNEL-FWD" : "");
  const remedy =
    barrier.rule === undefined ? `start lodend with --firewall=auto and ${program} installed, or run ` : "run ";
  return problem(barrier, `${what}${by(barrier.owner)}`, network, `${remedy}${byHand}`);
}

function nftProblem(barrier: NftBarrier, networks: readonly string[]): LodenError {
  const { chain, isPolicy, owner } = barrier;
  const what = isPolicy
    ? `the chain ${chain} of nftables has the policy drop`
    : `the chain ${chain} of nftables ends in a drop`;
  const remedy =
    owner === "firewalld"
      ? `run ${networks.map((network) => `firewall-cmd --permanent --zone=trusted --add-source=${network}`).join(" and ")}, ` +
        "then firewall-cmd --reload"
      : `run ${networks.flatMap((network) => nftCommands(chain, network)).join(" and ")}, and keep them where that ruleset is kept`;
  return problem(barrier, `${what}${by(owner)}`, networks.join(", "), remedy);
}

function nftCommands(chain: string, network: string): string[] {
  const protocol = network.includes(":") ? "ip6" : "ip";
  return ["saddr", "daddr"].map((field) => `nft insert rule ${chain} ${protocol} ${field} ${network} accept`);
}

function problem(barrier: Barrier, what: string, network: string, remedy: string): LodenError {
  const text = `${what}: forwarded traffic of ${network} is dropped there, and no rule elsewhere overrules it; ${remedy}`;
  return new LodenError("ERR_FIREWALL", text, { fields: { firewall: barrier.kind } });
}

function by(owner: string | undefined): string {
  return owner === undefined ? "" : ` (as ${owner} sets it)`;
}

function programOf({ family, variant }: Pick<IptablesBarrier, "family" | "variant">): string {
  return `${family === 4 ? "iptables" : "ip6tables"}-${variant}`;
}
