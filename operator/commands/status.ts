import { readPicture, type Picture, type Whereabouts } from './status-picture.ts';
import { renderPicture } from './status-render.ts';
import { select } from './status-select.ts';
import { printable } from '../status/text.ts';

/** What `webpool status` is asked. */
export interface StatusOptions extends Whereabouts {
  readonly output: 'table' | 'wide' | 'json';
  readonly out: (text: string) => void;
  /** Gets what is not the answer: why there is none, or no fresh one. */
  readonly complain: (text: string) => void;
  /** `kind/name` or `kind/namespace/name`: only this object and what hangs together with it. */
  readonly selector?: string | undefined;
}

/**
 * Prints how an instance is, object by object, with the reason and the way out for whatever is not well.
 * Shape: exit code 0 when all is Ready, 1 when something is not, 2 when no instance can be reached or the question is not understood;
 * then the last known state is shown where there is one.
 */
export async function status(options: StatusOptions): Promise<number> {
  const { output, out, selector } = options;
  const complain = (problem: string): 2 => {
    options.complain(`${printable(problem)}\n`);
    return 2;
  };
  const found = await readPicture(options);
  if (found.picture === undefined) return complain(found.problem);
  const selected = selector === undefined ? found.picture : select(found.picture, selector);
  if (typeof selected === 'string') return complain(selected);
  out(output === 'json' ? `${JSON.stringify(selected, null, 2)}\n` : renderPicture(selected, output === 'wide'));
  if (found.problem === '') return exitCode(selected);
  return complain(found.problem);
}

function exitCode({ ready }: Picture): number {
  return ready ? 0 : 1;
}
