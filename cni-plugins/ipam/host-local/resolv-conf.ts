// Reads a resolv.conf(5) into the DNS part of a result.
import { readText } from "#kernel/files";
import type { Sys } from "#kernel/sys";
import { CNI_ERROR, CniError } from "../../error.ts";
import type { Dns } from "../../result/types.ts";

/** @throws CniError 5 when the file cannot be read */
export function readResolvConf(sys: Sys, file: string): Dns {
  let text: string | undefined;
  try {
    text = readText(sys, file);
  } catch (error) {
    throw new CniError(CNI_ERROR.ioFailure, `ipam.resolvConf ${file} cannot be read: ${(error as Error).message}`);
  }
  if (text !== undefined) return parseResolvConf(text);
  throw new CniError(CNI_ERROR.ioFailure, `ipam.resolvConf ${file} cannot be read: there is no such file`);
}

export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain = "";
  for (const line of text.split("\n")) {
    const [keyword = "", ...values] = line.trim().split(/\s+/);
    const [first] = values;
    if (first === undefined || /^[#;]/.test(keyword)) continue;
    if (keyword === "nameserver") nameservers.push(first);
    else if (keyword === "domain") domain = first;
    else if (keyword === "search") search.push(...values);
    else if (keyword === "options") options.push(...values);
  }
  return { nameservers, search, options, ...(domain === "" ? {} : { domain }) };
}
