/** A folder as the offline commands see it: read once, nothing contacted, nothing written. */
import { createFolderSource, type FolderSource } from '../source/folder.ts';
import type { Resources } from '../api/resources.ts';
import { createLogger } from '../telemetry/log.ts';
import { buildTopology } from '../topology/build.ts';
import type { Names, Topology } from '../topology/topology.ts';
import { UsageError } from './usage-error.ts';
import { wordsOf } from './words.ts';

export interface Offline {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly find: FolderSource['find'];
}

/** Offline nobody knows the address of a name: each stands for one of its own. Source: RFC 2544, 198.18.0.0/15 is nobody's. */
function someAddress(index: number): readonly string[] {
  return [`198.${18 + ((index >> 16) & 1)}.${(index >> 8) & 255}.${index & 255}`];
}

/** What a folder means. Errors: UsageError when it cannot be read. */
export async function readOffline(folder: string): Promise<Offline> {
  const source = await createFolderSource({ folder, log: createLogger({ level: 'silent' }), live: false });
  try {
    const resources = await source.read();
    const { hostnames } = buildTopology(resources, new Map());
    const names: Names = new Map(hostnames.map((name, index) => [name, someAddress(index + 1)]));
    return { resources, topology: buildTopology(resources, names), find: (...place) => source.find(...place) };
  } catch (error) {
    throw new UsageError(`cannot read ${folder}: ${wordsOf(error, folder)}`);
  } finally {
    await source.close();
  }
}
