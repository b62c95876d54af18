import { describe, expect, test } from 'vitest';
import { createLogger, humanLine, type LogOptions } from '../../operator/telemetry/log.ts';

/** A logger and what it wrote. */
function recorder(options: LogOptions & { readonly isTTY?: boolean } = {}): {
  log: ReturnType<typeof createLogger>;
  lines: string[];
} {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line), ...(options.isTTY && { isTTY: true }) };
  return { log: createLogger({ ...options, stream }), lines };
}

const PLACES = ['password', 'passwords', 'secret', 'secretValue', 'stringData', 'authorization', 'token', 'hash'];

describe('no secret reaches the log', () => {
  test.each(PLACES)('below %s, at any of three levels', (key) => {
    for (const format of ['json', 'text'] as const) {
      const { log, lines } = recorder({ format });
      log.info({ [key]: 'hunter2', a: { [key]: 'hunter2', b: { [key]: { c: 'hunter2' } } }, well: 'kept' }, 'said');
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toContain('hunter2');
      expect(lines[0]).toContain('[hidden]');
      expect(lines[0]).toContain('kept');
    }
  });
});

describe('json', () => {
  test('is one object a line, with time and level as words', () => {
    const { log, lines } = recorder({ format: 'json' });
    log.warn({ pool: 'default/blog', servers: 2 }, 'pool applied');
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      pool: 'default/blog',
      servers: 2,
      msg: 'pool applied',
    });
  });

  test.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['silent', []],
  ] as const)('from level %s', (level, said) => {
    const { log, lines } = recorder({ format: 'json', level });
    for (const one of ['debug', 'info', 'warn', 'error'] as const) log[one]('x');
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(said);
  });

  test('is what auto means where nobody looks, text where somebody does', () => {
    const file = recorder();
    file.log.info('x');
    expect(file.lines[0]).toMatch(/^\{/);
    const terminal = recorder({ isTTY: true });
    terminal.log.info({ a: 1 }, 'x');
    expect(terminal.lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}x a=1\n$/);
  });
});

describe('text', () => {
  const at = '"time":"2026-01-02T18:04:05.123Z"';
  test.each([
    [
      `{"level":"warn",${at},"reason":"new port","n":1,"msg":"HAProxy reloaded"}`,
      '18:04:05.123 warn  HAProxy reloaded reason="new port" n=1\n',
    ],
    [
      `{"level":"info",${at},"url":"http://127.0.0.1:9180","list":["a"],"no":null,"msg":""}`,
      '18:04:05.123 info   url=http://127.0.0.1:9180 list=["a"] no=null\n',
    ],
    [
      `{"level":"info",${at},"words":"\\u001b[31mred\\u009b\\u202e\\u2028\\n","msg":"a\\u0007b"}`,
      '18:04:05.123 info  a\\u{7}b words="\\u001b[31mred\\u{9b}\\u{202e}\\u{2028}\\n"\n',
    ],
    [
      `{"level":"error",${at},"err":{"type":"Error","message":"no","code":"ENOENT","stack":"Error: no\\n    at a (b.ts:1:2)\\n    at c"},"msg":"x"}`,
      '18:04:05.123 error x error="no" code=ENOENT\n    at a (b.ts:1:2)\n    at c\n'.replace('"no"', 'no'),
    ],
    [
      `{"level":"warn",${at},"err":{"message":"no","stack":"Error: no\\n    at a"},"msg":"x"}`,
      '18:04:05.123 warn  x error=no\n',
    ],
    [
      `{"level":"error",${at},"err":{"message":"a","stack":"E\\n at \\u001b[2J evil"},"msg":"x"}`,
      '18:04:05.123 error x error=a\n    at \\u{1b}[2J evil\n',
    ],
    ['no json\n', 'no json\n'],
    ['[1]\n', '[1]\n'],
  ])('%#', (line, text) => {
    expect(humanLine(line)).toBe(text);
  });
});
