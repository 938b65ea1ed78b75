// Reads relocatable BPF objects as clang writes them: ELF-64 little endian, one program a section, maps as symbols that
// relocations name (elf(5), Documentation/bpf/llvm_reloc.rst of the kernel). Pure. What is not needed is refused rather
// than guessed: no calls between functions, no global data, no BTF.
import { LodenError } from "#spec/errors";

/** A place in a program where the descriptor of a map belongs. */
export interface MapReference {
  /** Bytes from the start of the program: an instruction of two slots, BPF_LD_IMM64. */
  readonly offset: number;
  /** The map's symbol. */
  readonly map: string;
}

export interface BpfProgramText {
  /** The function's name. */
  readonly name: string;
  readonly instructions: Uint8Array;
  readonly maps: readonly MapReference[];
}

export interface BpfObject {
  readonly license: string;
  readonly programs: readonly BpfProgramText[];
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly data: Uint8Array;
  readonly link: number;
  readonly info: number;
}

interface ElfSymbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
}

const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const SYMBOL_SIZE = 24;
const RELOCATION_SIZE = 16;
const EM_BPF = 247;
const SHT_PROGBITS = 1;
const SHT_SYMTAB = 2;
const SHT_REL = 9;
const SHT_NOBITS = 8;
const SHF_EXECINSTR = 4n;
const STT_FUNC = 2;
const R_BPF_64_64 = 1;
/** struct bpf_insn: u8 opcode, u8 registers, i16 offset, i32 immediate. */
export const INSTRUCTION_SIZE = 8;
/** BPF_LD | BPF_IMM | BPF_DW. */
const LD_IMM64 = 0x18;

const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];

/** @throws LodenError ERR_BPF for a file that is no such object */
export function readBpfObject(bytes: Uint8Array): BpfObject {
  const sections = readSections(bytes);
  const symbols = readSymbols(sections);
  const license = sections.find(({ name }) => name === "license");
  if (license === undefined) throw malformed('it has no section "license"');
  const programs = sections.flatMap((section, index) => {
    const isProgram = section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0n;
    return isProgram && section.data.length > 0 ? [readProgram(section, index, sections, symbols)] : [];
  });
  return { license: text(license.data, 0), programs };
}

function readSections(bytes: Uint8Array): Section[] {
  if (bytes.length < HEADER_SIZE || MAGIC.some((byte, index) => bytes[index] !== byte))
    throw malformed("it is no ELF-64");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(18, true) !== EM_BPF) throw malformed(`it is for machine ${view.getUint16(18, true)}`);
  const start = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const names = view.getUint16(62, true);
  if (view.getUint16(58, true) !== SECTION_SIZE) throw malformed("its section headers have another size");
  const raw = Array.from({ length: count }, (_, index) => {
    const at = start + index * SECTION_SIZE;
    if (at + SECTION_SIZE > bytes.length) throw malformed("its section headers lie outside");
    const [offset, size] = [Number(view.getBigUint64(at + 24, true)), Number(view.getBigUint64(at + 32, true))];
    const type = view.getUint32(at + 4, true);
    if (type !== SHT_NOBITS && offset + size > bytes.length) throw malformed(`its section ${index} lies outside`);
    return {
      nameAt: view.getUint32(at, true),
      type,
      flags: view.getBigUint64(at + 8, true),
      data: type === SHT_NOBITS ? new Uint8Array(0) : bytes.subarray(offset, offset + size),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
    };
  });
  const table = raw[names]?.data;
  if (table === undefined) throw malformed("its sections have no names");
  return raw.map(({ nameAt, ...section }) => ({ ...section, name: text(table, nameAt) }));
}

function readSymbols(sections: readonly Section[]): ElfSymbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  const names = table === undefined ? undefined : sections[table.link]?.data;
  if (table === undefined || names === undefined) throw malformed("it has no symbols");
  const view = new DataView(table.data.buffer, table.data.byteOffset, table.data.byteLength);
  return Array.from({ length: Math.floor(table.data.length / SYMBOL_SIZE) }, (_, index) => {
    const at = index * SYMBOL_SIZE;
    return {
      name: text(names, view.getUint32(at, true)),
      type: view.getUint8(at + 4) & 0xf,
      section: view.getUint16(at + 6, true),
      value: Number(view.getBigUint64(at + 8, true)),
    };
  });
}

function readProgram(
  section: Section,
  index: number,
  sections: readonly Section[],
  symbols: readonly ElfSymbol[],
): BpfProgramText {
  const functions = symbols.filter((symbol) => symbol.type === STT_FUNC && symbol.section === index);
  const [entry, ...others] = functions;
  if (entry === undefined || others.length > 0 || entry.value !== 0 || section.data.length % INSTRUCTION_SIZE !== 0) {
    throw malformed(`its section ${section.name} does not hold one program`);
  }
  const maps = sections
    .filter(({ type, info }) => type === SHT_REL && info === index)
    .flatMap(({ data }) => readRelocations(data, section, symbols));
  return { name: entry.name, instructions: new Uint8Array(section.data), maps };
}

function readRelocations(
  data: Uint8Array,
  { name, data: code }: Section,
  symbols: readonly ElfSymbol[],
): MapReference[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: Math.floor(data.length / RELOCATION_SIZE) }, (_, index) => {
    const at = index * RELOCATION_SIZE;
    const offset = Number(view.getBigUint64(at, true));
    const type = view.getUint32(at + 8, true);
    const symbol = symbols[view.getUint32(at + 12, true)];
    const fits = offset % INSTRUCTION_SIZE === 0 && offset + 2 * INSTRUCTION_SIZE <= code.length;
    if (type !== R_BPF_64_64 || symbol === undefined || symbol.name === "" || !fits || code[offset] !== LD_IMM64) {
      throw malformed(`its section ${name} has a relocation of type ${type} at byte ${offset} that is no map's`);
    }
    return { offset, map: symbol.name };
  });
}

function text(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return new TextDecoder().decode(bytes.subarray(at, end < 0 ? bytes.length : end));
}

function malformed(reason: string): LodenError {
  return new LodenError("ERR_BPF", `the BPF object cannot be used: ${reason}; build Loden anew (npm run build)`);
}
