/** What is drawn, from the figures of a run. */
import type { Figures } from './frame.ts';
import { drawPlot, type Point, type Series } from './plot.ts';

type Results = Readonly<Record<string, Figures>>;

/** File name → SVG; a plot for which nothing was measured is left out. */
export function plotsOf(results: Results): ReadonlyMap<string, string> {
  const plots = Object.entries(PLOTS).flatMap(([file, { series, ...plot }]) => {
    const measured = series(results).filter(({ points }) => points.length > 0);
    return measured.length === 0 ? [] : [[file, drawPlot({ ...plot, series: measured })] as const];
  });
  return new Map(plots);
}

const PLOTS = {
  'change.svg': {
    title: 'One change until it works',
    x: { label: 'servers' },
    y: { label: 'ms', logarithmic: true },
    series: ({ change = {} }: Results): readonly Series[] =>
      ['p50', 'p99'].flatMap((share) => [
        { name: `folder ${share}`, points: points(change, folderNames(share)) },
        { name: `bare command ${share}`, points: points(change, floorNames(share)) },
        { name: `Kubernetes ${share}`, points: points(change, kubernetesNames(share)) },
      ]),
  },
  'growth.svg': {
    title: 'One change in a round, from picture to plan',
    x: { label: 'servers' },
    y: { label: 'ms', logarithmic: false },
    series: ({ growth = {} }: Results): readonly Series[] => [
      { name: 'a round', points: numbered(growth, /^round_(\d+)_ms$/) },
    ],
  },
  'throughput.svg': {
    title: 'Requests a second by number of routes',
    x: { label: 'routes' },
    y: { label: 'requests/s', logarithmic: false },
    series: ({ throughput = {} }: Results): readonly Series[] => [
      {
        name: 'webpool',
        points: points(throughput, [
          [1, 'one_route_rps'],
          [100, 'routes_100_rps'],
          [5000, 'routes_5000_rps'],
        ]),
      },
      { name: 'by hand', points: points(throughput, [[1, 'by_hand_rps']]) },
    ],
  },
} as const;

type Names = readonly (readonly [x: number, figure: string])[];

function folderNames(share: string): Names {
  return [
    [10, `apply_10_${share}_ms`],
    [1000, `apply_1000_${share}_ms`],
    [10_000, `apply_${share}_ms`],
  ];
}

function floorNames(share: string): Names {
  return [10, 1000, 10_000].map((servers) => [servers, `floor_${servers}_${share}_ms`] as const);
}

/** Its sizes are pools of ten servers. */
function kubernetesNames(share: string): Names {
  return [10, 1000].map((pools) => [pools * 10, `k8s_${pools}_${share}_ms`] as const);
}

function points(figures: Figures, names: Names): readonly Point[] {
  return names.flatMap(([x, name]) => {
    const value = figures[name]?.value;
    return value === undefined ? [] : [[x, value] as const];
  });
}

/** The figures whose name has a number in it. */
function numbered(figures: Figures, pattern: RegExp): readonly Point[] {
  return Object.entries(figures)
    .flatMap(([name, { value }]) => {
      const x = pattern.exec(name)?.[1];
      return x === undefined ? [] : [[Number(x), value] as const];
    })
    .toSorted(([one], [other]) => one - other);
}
