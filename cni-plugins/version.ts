// The `cniVersion` of a configuration: read, and refused when it is not spoken (CNI specification, "Version").
import {
  ASSUMED_VERSION,
  type CniVersion,
  isSupported,
  LATEST_VERSION,
  SUPPORTED_VERSIONS,
  versionParts,
} from "#spec/cni-versions";
import { CNI_ERROR, CniError } from "./error.ts";
import type { Plugin } from "./plugin.ts";

/**
 * The `cniVersion` of a configuration, which need not be one that is supported.
 * @throws CniError 6
 */
export function decodeVersion(value: unknown): string {
  if (value === undefined || value === null || value === "") return ASSUMED_VERSION;
  if (typeof value === "string" && (isSupported(value) || versionParts(value) !== undefined)) return value;
  throw new CniError(
    CNI_ERROR.decodingFailure,
    `cniVersion ${JSON.stringify(value)} is not a version: write up to three numbers, for example ${JSON.stringify(LATEST_VERSION)}`,
  );
}

/** The versions that a plugin speaks, oldest first. */
export function versionsOf({ since }: Pick<Plugin, "since">): readonly CniVersion[] {
  return since === undefined ? SUPPORTED_VERSIONS : SUPPORTED_VERSIONS.slice(SUPPORTED_VERSIONS.indexOf(since));
}

/** @throws CniError 1 */
export function requireSupported(plugin: Pick<Plugin, "since">, version: string): CniVersion {
  const versions = versionsOf(plugin);
  if (isSupported(version) && versions.includes(version)) return version;
  const supported = versions.map((text) => JSON.stringify(text)).join(" ");
  throw new CniError(
    CNI_ERROR.incompatibleVersion,
    "incompatible CNI versions",
    `config is ${JSON.stringify(version)}, plugin supports [${supported}]`,
  );
}
