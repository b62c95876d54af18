import { linesOfState } from './parse.ts';

/**
 * The servers' state as HAProxy wrote it, put together from readings of all and of some backends: what a new worker goes on from.
 */
export interface StateText {
  /** A reading of all backends. Returns what each of them alone would have been answered. */
  all(answer: string): ReadonlyMap<string, string>;
  /** A newer reading of one. */
  some(backend: string, answer: string): void;
  /** Empty before the first reading of all. */
  text(): string;
}

/** A text that holds nothing. */
export function createStateText(): StateText {
  let head: readonly string[] | undefined;
  let answers = new Map<string, string>();
  return {
    all(answer) {
      const all = linesOfState(answer);
      const byBackend = Map.groupBy(all.rows, (row) => row.split(' ', 2)[1] ?? '');
      // Texts of their own: the whole one need not stay in memory.
      answers = new Map([...byBackend].map(([backend, rows]) => [backend, [...all.head, ...rows, ''].join('\n')]));
      head = all.head;
      return answers;
    },
    some(backend, answer) {
      answers.set(backend, answer);
    },
    text() {
      if (head === undefined) return '';
      const rows = [...answers.values()].flatMap((answer) => linesOfState(answer).rows);
      return `${withoutCheckPorts([...head, ...rows].join('\n'))}\n`;
    },
  };
}

/**
 * A new worker would prefer these ports to those of its configuration, so another `healthCheck.port` would never come into force.
 * Source: HAProxy src/server_state.c, "srv_check_port".
 */
function withoutCheckPorts(text: string): string {
  const { head, rows } = linesOfState(text);
  const [format = '', header = ''] = head;
  const at = header.split(' ').indexOf('srv_check_port') - 1;
  if (at < 0) return text;
  return [format, header, ...rows.map((row) => row.split(' ').with(at, '0').join(' '))].join('\n');
}
