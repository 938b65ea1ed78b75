// Reads a resolv.conf(5) into the DNS part of a result.
import { readFileSync } from "node:fs";
import { CNI_ERROR, CniError } from "../../error.ts";
import type { Dns } from "../../result/types.ts";

/** @throws CniError 5 when the file cannot be read */
export function readResolvConf(file: string): Dns {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CniError(CNI_ERROR.ioFailure, `ipam.resolvConf ${file} cannot be read: ${(error as Error).message}`);
  }
  return parseResolvConf(text);
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
