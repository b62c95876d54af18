/**
 * Where resources come from and where status goes.
 * In: a folder (later a cluster). Out: Resources, the whole picture or an error. Never: a decision about HAProxy or MySQL.
 */
import type { Finding } from '../api/finding.ts';
import type { Key, Kind, Resources } from '../api/resources.ts';
import type { AnyStatus, StatusDocument } from '../status/document.ts';

/** A place where objects are written. */
export interface Source {
  /** The whole picture. Errors: throws when there is none, so that it never looks as if everything had been deleted. */
  read(): Promise<Resources>;
  /** Calls `wake` soon after something changed; returns what stops that. */
  changes(wake: () => void): () => void;
  /** The text of one key of a Secret as it was last read; undefined when it is not there. */
  secretValue(secret: Key, key: string): string | undefined;
  /** Writes the statuses in `changed`; `all` are those of every object that is there. */
  writeStatus(changed: readonly StatusDocument[], all: readonly StatusDocument[], also: AlsoWritten): Promise<void>;
  /** The status that was last written, by this process or an earlier one. */
  statusOf(kind: Kind, key: Key): AnyStatus | undefined;
}

/** What belongs to a writing of statuses. */
export interface AlsoWritten {
  /** What is no object. */
  readonly errors: readonly Finding[];
  /** May be waited for before each status, so that what is more urgent goes first. Default: nothing is. */
  readonly gap?: () => Promise<void>;
}

/** Where a source tells what it did: pino's form. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
