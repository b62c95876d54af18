/** The table of docs/reloads.md. */
import { readFileSync } from 'node:fs';

const TEXT = readFileSync(new URL('../../docs/reloads.md', import.meta.url), 'utf8');

/** What changed, in the words of its row → whether it needs a reload. */
export const NEEDS_RELOAD: ReadonlyMap<string, boolean> = new Map(
  [...TEXT.matchAll(/^\| ([^|]+?) +\| (no|yes) +\|/gm)].map(([, change = '', reload]) => [change, reload === 'yes']),
);
