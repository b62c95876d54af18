/**
 * The servers' state as HAProxy wrote it, put together from readings of all and of some backends: what a new worker goes on from.
 */
export interface StateText {
  /** A reading of all backends. */
  all(answer: string): void;
  /** A newer reading of one. */
  some(backend: string, answer: string): void;
  /** Empty before the first reading. */
  text(): string;
}

/** Format line and header. */
const HEAD_LINES = 2;

/** A text that holds nothing. */
export function createStateText(): StateText {
  let full = '';
  const newer = new Map<string, string>();
  return {
    all(answer) {
      full = answer;
      newer.clear();
    },
    some(backend, answer) {
      newer.set(backend, answer);
    },
    text() {
      if (full === '') return '';
      const [head, rows] = parts(full);
      const kept = rows.filter((row) => !newer.has(row.split(' ', 2)[1] ?? ''));
      full = [...head, ...kept, ...[...newer.values()].flatMap((answer) => parts(answer)[1])].join('\n');
      newer.clear();
      return `${withoutCheckPorts(full)}\n`;
    },
  };
}

/**
 * A new worker would prefer these ports to those of its configuration, so another `healthCheck.port` would never come into force.
 * Source: HAProxy src/server_state.c, "srv_check_port".
 */
function withoutCheckPorts(text: string): string {
  const [[format = '', header = ''], rows] = parts(text);
  const at = header.split(' ').indexOf('srv_check_port') - 1;
  if (at < 0) return text;
  return [format, header, ...rows.map((row) => row.split(' ').with(at, '0').join(' '))].join('\n');
}

function parts(answer: string): readonly [head: readonly string[], rows: readonly string[]] {
  const lines = answer.split('\n');
  return [lines.slice(0, HEAD_LINES), lines.slice(HEAD_LINES).filter((line) => line !== '')];
}
