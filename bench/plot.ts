/** Lines over a logarithmic x axis, as SVG: the same input, the same bytes. */

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis & { readonly logarithmic: boolean };
  readonly series: readonly Series[];
}

export interface Axis {
  readonly label: string;
}

export interface Series {
  readonly name: string;
  /** x above 0, ascending. */
  readonly points: readonly Point[];
}

export type Point = readonly [x: number, y: number];

const WIDTH = 640;
const HEIGHT = 360;
/** Around the lines. */
const EDGE = { left: 64, right: 150, top: 36, bottom: 48 } as const;
const COLORS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#8c564b'] as const;
/** Labels of two lines that end close to one another are this far apart. */
const LABEL_HEIGHT = 14;

/** Draws it. Series without points are left out. */
export function drawPlot({ title, x, y, series }: Plot): string {
  const drawn = series.filter(({ points }) => points.length > 0);
  const points = drawn.flatMap((one) => one.points);
  const xs = points.map(([at]) => at);
  const ys = points.map(([, at]) => at);
  const across = scale(logarithmic(xs), [EDGE.left, WIDTH - EDGE.right]);
  const up = scale((y.logarithmic ? logarithmic : fromZero)(ys), [HEIGHT - EDGE.bottom, EDGE.top]);
  const places = labelPlaces(drawn.map(({ points }) => up.place(points.at(-1)?.[1] ?? 0)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    text([EDGE.left, 20], title, 'font-weight="bold"'),
    ...up.ticks.flatMap((value) => [
      line([EDGE.left, up.place(value)], [WIDTH - EDGE.right, up.place(value)], '#ddd'),
      text([EDGE.left - 6, up.place(value) + 4], tick(value), 'text-anchor="end"'),
    ]),
    ...across.ticks.flatMap((value) => [
      line([across.place(value), EDGE.top], [across.place(value), HEIGHT - EDGE.bottom], '#ddd'),
      text([across.place(value), HEIGHT - EDGE.bottom + 16], tick(value), 'text-anchor="middle"'),
    ]),
    text([(EDGE.left + WIDTH - EDGE.right) / 2, HEIGHT - 10], x.label, 'text-anchor="middle"'),
    text([0, 0], y.label, `text-anchor="middle" transform="translate(14 ${HEIGHT / 2}) rotate(-90)"`),
    ...drawn.flatMap((one, index) => {
      const color = COLORS[index % COLORS.length] ?? 'black';
      const path = one.points.map(([at, value]): Point => [across.place(at), up.place(value)]);
      const last = path.at(-1) ?? [0, 0];
      return [
        `<polyline points="${path.map((point) => point.map(short).join()).join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
        ...path.map(([cx, cy]) => `<circle cx="${short(cx)}" cy="${short(cy)}" r="3" fill="${color}"/>`),
        text([last[0] + 8, places[index] ?? 0], one.name, `fill="${color}"`),
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

interface Range {
  readonly ticks: readonly number[];
  /** Where a value is between the first tick (0) and the last (1). */
  readonly share: (value: number) => number;
}

interface Scale {
  readonly ticks: readonly number[];
  readonly place: (value: number) => number;
}

function scale({ ticks, share }: Range, [from, to]: readonly [number, number]): Scale {
  return { ticks, place: (value) => from + share(value) * (to - from) };
}

/** Powers of ten around the values. */
function logarithmic(values: readonly number[]): Range {
  const positive = values.filter((value) => value > 0);
  const first = Math.floor(Math.log10(Math.min(...positive)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  return {
    ticks,
    // What is 0 lies on the axis.
    share: (value) => Math.max(0, (Math.log10(Math.max(value, Number.MIN_VALUE)) - first) / (last - first)),
  };
}

/** Four to eight round steps from 0 past the largest value. */
function fromZero(values: readonly number[]): Range {
  const largest = Math.max(...values) || 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const step = [0.2, 0.5, 1, 2].map((factor) => factor * power).find((one) => largest / one <= 8) ?? power;
  const count = Math.ceil(largest / step);
  return {
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step),
    share: (value) => value / (count * step),
  };
}

/** Moves labels apart, downwards. */
function labelPlaces(wanted: readonly number[]): readonly number[] {
  const places = [...wanted];
  let free = Number.NEGATIVE_INFINITY;
  for (const index of [...wanted.keys()].toSorted((one, other) => (wanted[one] ?? 0) - (wanted[other] ?? 0))) {
    places[index] = Math.max((wanted[index] ?? 0) + 4, free);
    free = (places[index] ?? 0) + LABEL_HEIGHT;
  }
  return places;
}

function line([x1, y1]: Point, [x2, y2]: Point, color: string): string {
  return `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" stroke="${color}"/>`;
}

function text([x, y]: Point, words: string, attributes: string): string {
  return `<text x="${short(x)}" y="${short(y)}" ${attributes}>${escaped(words)}</text>`;
}

function tick(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 6 });
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
