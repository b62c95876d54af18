/**
 * A user's regular expression as data for the router: the instructions that RE2 itself would run, as text. HAProxy's own
 * regular expressions (PCRE) mean other things and can take exponential time; these cannot.
 */
import { RE2JS } from 're2js';
import { digest } from './names.ts';

/** What stands in the routing map for one expression. */
export interface RegexProgram {
  /** `<id>.<start>`: the digest of the program and the instruction it begins with. */
  readonly reference: string;
  readonly id: string;
  /** Instructions joined by `/`: `rOUT:LOW-HIGH,…` one byte, `aOUT,ARG` either, `eOUT,FLAGS` empty width, `nOUT`, `m`, `f`. */
  readonly code: string;
}

/** RE2's instructions as re2js keeps them; not part of its declared types, hence the test beside this. */
interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  matchRune(rune: number): boolean;
}
interface Compiled {
  readonly re2Input: { readonly prog: { readonly inst: readonly Instruction[]; readonly start: number } };
}

const BYTES = 256;

/** Index = re2js's operation code. */
const operations: readonly (((inst: Instruction) => string) | undefined)[] = [
  undefined,
  (inst) => `a${inst.out},${inst.arg}`,
  (inst) => `a${inst.out},${inst.arg}`,
  (inst) => `n${inst.out}`,
  (inst) => `e${inst.out},${inst.arg}`,
  () => 'f',
  () => 'm',
  (inst) => `n${inst.out}`,
  (inst) => bytes(inst, (byte) => inst.matchRune(byte)),
  (inst) => bytes(inst, (byte) => inst.matchRune(byte)),
  (inst) => bytes(inst, () => true),
  (inst) => bytes(inst, (byte) => byte !== 10),
];

function bytes(inst: Instruction, matches: (byte: number) => boolean): string {
  const ranges: string[] = [];
  for (let byte = 0; byte < BYTES; byte++) {
    if (!matches(byte)) continue;
    const low = byte;
    while (byte + 1 < BYTES && matches(byte + 1)) byte++;
    ranges.push(`${low}-${byte}`);
  }
  return `r${inst.out}:${ranges.join(',')}`;
}

/**
 * The program of an expression that was already accepted.
 * Errors: throws for an expression that RE2 refuses, which admission has to keep away.
 */
export function regexProgram(expression: string): RegexProgram {
  const { inst, start } = (RE2JS.compile(expression) as unknown as Compiled).re2Input.prog;
  const code = inst
    .map((one) => {
      const operation = operations[one.op];
      if (operation === undefined) throw new Error(`regular expression with an unknown instruction ${one.op}`);
      return operation(one);
    })
    .join('/');
  const id = digest(code);
  return { id, code, reference: `${id}.${start}` };
}
