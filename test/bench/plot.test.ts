import { describe, expect, test } from 'vitest';
import { drawPlot, type Plot } from '../../bench/plot.ts';

const plot: Plot = {
  title: 'Fish & <chips>',
  x: { label: 'servers' },
  y: { label: 'ms', logarithmic: true },
  series: [
    {
      name: 'ours',
      points: [
        [10, 2],
        [1000, 20],
        [10_000, 200],
      ],
    },
    {
      name: 'floor',
      points: [
        [10, 1],
        [10_000, 1],
      ],
    },
    { name: 'nothing', points: [] },
  ],
};

const lines = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = '']) =>
    points.split(' ').map((point) => point.split(',').map(Number)),
  );

describe('a plot', () => {
  test('has the same bytes for the same figures', () => {
    expect(drawPlot(structuredClone(plot))).toBe(drawPlot(plot));
  });

  test('has a line for each series that has points, higher where the value is', () => {
    const [ours = [], floor = [], ...others] = lines(drawPlot(plot));
    expect(others).toEqual([]);
    expect(ours).toHaveLength(3);
    const [[, first = 0] = [], [, second = 0] = [], [, third = 0] = []] = ours;
    // Twice a factor of ten: twice the same height.
    expect(first - second).toBeCloseTo(second - third, 0);
    expect(first).toBeGreaterThan(second);
    expect(floor[0]?.[1]).toBe(floor[1]?.[1]);
  });

  test('puts equal factors at equal distances', () => {
    const [[[a = 0] = [], [b = 0] = [], [c = 0] = []] = []] = lines(drawPlot(plot));
    expect((b - a) / (c - b)).toBeCloseTo(2, 1);
  });

  test('keeps all inside, and labels apart', () => {
    const svg = drawPlot({
      ...plot,
      series: [
        ...plot.series,
        {
          name: 'twin',
          points: [
            [10, 2],
            [10_000, 200],
          ],
        },
      ],
    });
    for (const [x = 0, y = 0] of lines(svg).flat()) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x).toBeLessThanOrEqual(640);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(360);
    }
    const places = ['ours', 'twin'].map((name) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(svg)?.[1]));
    expect(Math.abs((places[0] ?? 0) - (places[1] ?? 0))).toBeGreaterThanOrEqual(14);
  });

  test('begins at nothing where it is not logarithmic', () => {
    const svg = drawPlot({ ...plot, y: { label: 'requests/s', logarithmic: false } });
    expect(svg).toContain('>0</text>');
    expect(svg).toContain('>200</text>');
  });

  test('escapes its words', () => {
    expect(drawPlot(plot)).toContain('Fish &amp; &lt;chips&gt;');
  });

  test.each([
    [
      'a value of nothing on a logarithmic axis',
      {
        ...plot,
        series: [
          {
            name: 'a',
            points: [
              [1, 0],
              [10, 5],
            ],
          },
        ],
      },
    ],
    ['one point', { ...plot, series: [{ name: 'a', points: [[1, 1]] }] }],
    ['only nothing', { ...plot, y: { label: 'ms', logarithmic: false }, series: [{ name: 'a', points: [[1, 0]] }] }],
  ] satisfies [string, Plot][])('draws %s', (_, odd) => {
    expect(drawPlot(odd)).not.toMatch(/NaN|Infinity/);
  });
});
