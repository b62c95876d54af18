import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SALT_LENGTH = 20;
/** The server's default, in thousands as it writes them. */
const ROUNDS = 5;

/**
 * A password as mysql_native_password stores it: `*` and 40 hexadecimal digits.
 * Source: MySQL reference manual, "Native Pluggable Authentication".
 */
export function nativeHash(password: string): string {
  const once = createHash('sha1').update(password, 'utf8').digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

/** A salt of printable characters for `cachingSha2Hash`. */
export function randomSalt(): string {
  return [...randomBytes(SALT_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

/** The salt inside a stored caching_sha2_password, or undefined when it is none that we could have made. */
export function saltOf(hash: string): string | undefined {
  return /^\$A\$005\$([./0-9A-Za-z]{20})[./0-9A-Za-z]{43}$/.exec(hash)?.[1];
}

/** A password as caching_sha2_password stores it: `$A$005$`, 20 characters of salt, 43 of digest. */
export function cachingSha2Hash(password: string, salt: string): string {
  return `$A$${ROUNDS.toString(16).toUpperCase().padStart(3, '0')}$${salt}${shaCrypt(password, salt, ROUNDS * 1000)}`;
}

/**
 * The digest of SHA-256 crypt, in its own base 64.
 * Source: U. Drepper, "Unix crypt using SHA-256 and SHA-512".
 */
export function shaCrypt(passwordText: string, saltText: string, rounds: number): string {
  const password = Buffer.from(passwordText, 'utf8');
  const salt = Buffer.from(saltText, 'latin1');
  const first = firstDigest(password, salt);
  const p = stretch(sha256(...Array.from({ length: password.length }, () => password)), password.length);
  const s = stretch(sha256(...Array.from({ length: 16 + (first[0] ?? 0) }, () => salt)), salt.length);
  let digest = first;
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1;
    const parts = [odd ? p : digest];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(odd ? digest : p);
    digest = sha256(...parts);
  }
  return encode(digest);
}

function firstDigest(password: Buffer, salt: Buffer): Buffer {
  const middle = sha256(password, salt, password);
  const parts = [password, salt, stretch(middle, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits % 2 === 1 ? middle : password);
  return sha256(...parts);
}

function sha256(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The digest repeated to `length` bytes. */
function stretch(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

/** Which bytes go together, in the order of the specification. */
const TRIPLETS: readonly (readonly [number, number, number])[] = [
  [0, 10, 20],
  [21, 1, 11],
  [12, 22, 2],
  [3, 13, 23],
  [24, 4, 14],
  [15, 25, 5],
  [6, 16, 26],
  [27, 7, 17],
  [18, 28, 8],
  [9, 19, 29],
];

function encode(digest: Buffer): string {
  const at = (index: number): number => digest[index] ?? 0;
  const triplets = TRIPLETS.map(([a, b, c]) => base64((at(a) << 16) | (at(b) << 8) | at(c), 4));
  return triplets.join('') + base64((at(31) << 8) | at(30), 3);
}

function base64(value: number, length: number): string {
  return Array.from({ length }, (_, index) => ALPHABET[(value >> (6 * index)) & 63]).join('');
}
