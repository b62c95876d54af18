import { pageProblem } from '../api/body-rules.ts';
import type { ConfigMapInfo, Metadata, Page } from '../api/resources.ts';
import { compareText } from '../api/stable.ts';
import { contentHash } from './content-hash.ts';
import { unnamed, type ConfigMapItem, type UnnamedItem } from './items.ts';
import { eachText } from './key-texts.ts';
import type { Naming } from './naming.ts';

/** A v1 ConfigMap. It may be there for anybody: a text is only wrong once somebody wants it for a page. */
export function readConfigMap(
  document: Readonly<Record<string, unknown>>,
  naming: Naming,
): ConfigMapItem | UnnamedItem {
  const texts = new Map<string, string>();
  const wrong = eachText(document, 'data', (key, text) => void texts.set(key, text));
  return wrong === undefined ? { type: 'ConfigMap', ...naming, pages: pagesOf(texts) } : unnamed(wrong);
}

/** The texts as pages. What cannot be one is not kept: a ConfigMap may have a megabyte. */
export function pagesOf(texts: ReadonlyMap<string, string>): ReadonlyMap<string, Page> {
  return new Map(
    [...texts]
      .map(([key, text]): [string, Page] => {
        const problem = pageProblem(text);
        return [key, problem === undefined ? { body: text } : { problem }];
      })
      .sort(([a], [b]) => compareText(a, b)),
  );
}

/** What is known of a ConfigMap with these pages. */
export function configMapInfo(metadata: Metadata, pages: ReadonlyMap<string, Page>): ConfigMapInfo {
  return { metadata, version: contentHash([...pages]), pages };
}
