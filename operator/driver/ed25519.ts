import { createHash } from 'node:crypto';

/** The field, and the curve -x² + y² = 1 + d x² y² in it. */
const P = 2n ** 255n - 19n;
const D = mod(-121_665n * inverse(121_666n));
/** Source: RFC 8032, 5.1. */
const BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202n;
const BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960n;

/** x = X/Z, y = Y/Z, xy = T/Z. */
interface Point {
  readonly X: bigint;
  readonly Y: bigint;
  readonly Z: bigint;
  readonly T: bigint;
}

const ZERO: Point = { X: 0n, Y: 1n, Z: 1n, T: 0n };
const BASE: Point = { X: BASE_X, Y: BASE_Y, Z: 1n, T: mod(BASE_X * BASE_Y) };

/**
 * A password as MariaDB's ed25519 stores it: the public key to it, base64 without padding.
 * Node's own Ed25519 takes secrets of 32 bytes only. Nothing here is of constant time: who can measure us has the Secret.
 * Source: MariaDB, plugin/auth_ed25519; RFC 8032, 5.1.5.
 */
export function ed25519Hash(password: string): string {
  const secret = createHash('sha512').update(password, 'utf8').digest().subarray(0, 32);
  secret.writeUInt8(secret.readUInt8(0) & 0xf8, 0);
  secret.writeUInt8((secret.readUInt8(31) & 0x7f) | 0x40, 31);
  const { X, Y, Z } = multiply(BASE, littleEndian(secret));
  const [x, y] = [mod(X * inverse(Z)), mod(Y * inverse(Z))];
  const key = Buffer.from((y | ((x & 1n) << 255n)).toString(16).padStart(64, '0'), 'hex').reverse();
  return key.toString('base64').replace(/=+$/, '');
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

/** By Fermat: value to the power of P - 2. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let factor = mod(value);
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * factor) % P;
    factor = (factor * factor) % P;
  }
  return result;
}

function multiply(point: Point, scalar: bigint): Point {
  let sum = ZERO;
  let doubled = point;
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, doubled);
    doubled = add(doubled, doubled);
  }
  return sum;
}

/** Source: RFC 8032, 5.1.4; it doubles as well. */
function add(p: Point, q: Point): Point {
  const a = mod((p.Y - p.X) * (q.Y - q.X));
  const b = mod((p.Y + p.X) * (q.Y + q.X));
  const c = mod(2n * p.T * q.T * D);
  const d = mod(2n * p.Z * q.Z);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { X: mod(e * f), Y: mod(g * h), Z: mod(f * g), T: mod(e * h) };
}
