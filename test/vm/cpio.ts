// Writes the archive that a Linux kernel unpacks as its first root file system: cpio in the "newc" format, as
// Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it.

export interface ArchiveEntry {
  readonly name: string;
  /** File type and permissions as in stat(2). */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";

export function cpioArchive(entries: readonly ArchiveEntry[]): Buffer {
  return Buffer.concat([...entries, { name: TRAILER, mode: 0 }].flatMap(encode));
}

function encode({ name, mode, data = Buffer.alloc(0), device = [0, 0] }: ArchiveEntry, index: number): Buffer[] {
  const path = Buffer.from(`${name}\0`);
  const [inode, uid, gid, links, time, major, minor, check] = [index + 1, 0, 0, 1, 0, 0, 0, 0];
  const fields = [inode, mode, uid, gid, links, time, data.length, major, minor, ...device, path.length, check];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return [padded(Buffer.concat([Buffer.from(header), path])), padded(data)];
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
