const UNITS: Readonly<Record<string, number>> = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** Bytes of a size as the CRDs have it, for example `10Mi`; undefined when it is none. */
export function parseByteSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^([1-9][0-9]{0,8})(Ki|Mi|Gi)?$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
}
