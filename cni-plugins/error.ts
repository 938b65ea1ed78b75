// CNI errors: the codes of the CNI specification 1.1.0, section "Error", and how anything thrown becomes one.
import { LodenError, errorText } from "#spec/errors";

/** Well-known codes. 8 is not in the specification but in its reference library; 999 is what Go plugins use. */
export const CNI_ERROR = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  /** The plugin cannot serve ADD now. */
  notAvailable: 50,
  /** As 50, and containers that are attached already may have lost their connection. */
  limitedConnectivity: 51,
  internal: 999,
} as const;

export type CniErrorCode = number;

/** An error with the code and the details that the runtime is told. */
export class CniError extends LodenError {
  readonly cniCode: CniErrorCode;
  readonly details: string;

  constructor(cniCode: CniErrorCode, message: string, details = "", cause?: unknown) {
    super("ERR_CNI", message, { fields: { cniCode }, ...(cause === undefined ? {} : { cause }) });
    this.cniCode = cniCode;
    this.details = details;
  }
}

/** An error of a plugin's own work, as Go plugins report nearly all of theirs. */
export function failure(message: string, cause?: unknown): CniError {
  return new CniError(CNI_ERROR.internal, message, "", cause);
}

/** The network configuration says something that cannot be done. */
export function invalidConfig(message: string, details = ""): CniError {
  return new CniError(CNI_ERROR.invalidNetworkConfig, message, details);
}

/** Anything thrown, as an error a runtime understands. */
export function toCniError(thrown: unknown): CniError {
  if (thrown instanceof CniError) return thrown;
  if (thrown instanceof LodenError && thrown.code === "ERR_MISSING_TOOL") {
    return new CniError(CNI_ERROR.notAvailable, thrown.message, "", thrown);
  }
  return new CniError(CNI_ERROR.internal, errorText(thrown), "", thrown);
}

/** The same error with what was being done in front of its text; code and details stay. */
export function inContext(context: string, thrown: unknown): CniError {
  const error = toCniError(thrown);
  return new CniError(error.cniCode, `${context}: ${error.message}`, error.details, thrown);
}

/**
 * Runs every step, so that one that fails does not keep the others from being done, and throws what went wrong at the
 * end: the code of the first error, the text of all.
 */
export function runAll(steps: readonly (() => void)[]): void {
  const errors: CniError[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (thrown) {
      errors.push(toCniError(thrown));
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  throw new CniError(first.cniCode, errors.map((error) => error.message).join("; "), first.details, first);
}
