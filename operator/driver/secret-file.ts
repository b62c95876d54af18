import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Key } from '../api/resources.ts';
import { authorityFile, certificateFile, isSecretFile } from '../haproxy/names.ts';
import type { SecretFile } from '../haproxy/proxy.ts';
import { readIfThere } from './files.ts';

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

/** The certificates in the files of a recovery image, as the texts of their Secrets. */
export async function readSecretFiles(folder: string): Promise<(secret: Key) => ReadonlyMap<string, string>> {
  const names = (await readdir(folder).catch(() => [])).filter(isSecretFile);
  const texts = new Map<string, string>();
  for (const name of names) texts.set(name, (await readIfThere(join(folder, name))) ?? '');
  return (secret) => {
    const blocks = texts.get(certificateFile(secret))?.match(PEM_BLOCK) ?? [];
    const isKey = (block: string) => block.includes('PRIVATE KEY-----');
    const found: readonly (readonly [string, string | undefined])[] = [
      ['tls.crt', blocks.filter((block) => !isKey(block)).join('\n')],
      ['tls.key', blocks.filter(isKey).join('\n')],
      ['ca.crt', texts.get(authorityFile(secret))],
    ];
    return new Map(found.flatMap(([key, text]) => (text === undefined || text === '' ? [] : [[key, text] as const])));
  };
}
