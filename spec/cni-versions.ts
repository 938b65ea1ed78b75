// Versions of the CNI specification: which ones are spoken, how their numbers compare (CNI specification, "Version").

/** Every version that is spoken, oldest first. */
export const SUPPORTED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const LATEST_VERSION: CniVersion = "1.1.0";

/** A configuration without a version is of the first one. */
export const ASSUMED_VERSION: CniVersion = "0.1.0";

export function isSupported(version: string): version is CniVersion {
  return (SUPPORTED_VERSIONS as readonly string[]).includes(version);
}

/** Numbers of up to three dot-separated parts; missing ones are zero. Undefined for anything else. */
export function versionParts(version: string): readonly [number, number, number] | undefined {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
}

/** Whether `version` is `floor` or newer. Both must be versions. */
export function isAtLeast(version: string, floor: CniVersion): boolean {
  if (isSupported(version)) return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(floor);
  const [have, want] = [versionParts(version), versionParts(floor)];
  if (have === undefined || want === undefined) return false;
  for (const index of [0, 1, 2] as const) {
    if (have[index] !== want[index]) return have[index] > want[index];
  }
  return true;
}
