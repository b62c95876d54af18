import type { Key } from '../api/resources.ts';
import type { SecretFile } from '../haproxy/proxy.ts';

/** Keys of a Secret, in the order in which a file has their texts. */
const KEYS: Readonly<Record<SecretFile['holds'], readonly string[]>> = {
  certificate: ['tls.crt', 'tls.key'],
  authority: ['ca.crt'],
};

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/** The PEM blocks of a text, one line break between two lines: what stands around them is for people. */
export function pemBlocks(text: string): string {
  const blocks = text.match(PEM_BLOCK) ?? [];
  return blocks.map((block) => `${block.replaceAll(/\s*\n\s*/g, '\n')}\n`).join('');
}

/** The text of a file whose content is in a Secret, fetched now; undefined when the Secret is gone or lacks a key. */
export function secretFileText(
  { secret, holds }: SecretFile,
  textOf: (secret: Key, key: string) => string | undefined,
): string | undefined {
  const texts = KEYS[holds].map((key) => textOf(secret, key));
  return texts.every((text) => text !== undefined) ? texts.map((text) => pemBlocks(text)).join('') : undefined;
}
