/**
 * 64 bits of a text, as 16 hexadecimal digits: tells "the same as last time" from "not the same".
 * Source: FNV-1a, twice with different offsets. Not meant against anyone who wants to find a collision.
 */
export function fingerprint(text: string): string {
  return hash(text, 0x811c9dc5) + hash(text, 0x050c5d1f);
}

function hash(text: string, offset: number): string {
  let value = offset;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
