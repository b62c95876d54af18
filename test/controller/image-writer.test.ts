import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createImageWriter } from '../../operator/controller/image-writer.ts';

describe('an image that cannot be written', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is written again after a while, unless a newer one has taken its place', async () => {
    let told = 0;
    const writer = createImageWriter(() => (told += 1));
    const written: string[] = [];
    const full = (name: string) => async () => {
      written.push(`${name} fails`);
      throw new Error('ENOSPC');
    };
    let room = false;
    writer.due(async () => (room ? void written.push('a') : full('a')()));
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toEqual(['a fails']);
    room = true;
    await vi.advanceTimersByTimeAsync(2000);
    expect(written).toEqual(['a fails', 'a']);
    writer.due(full('b'));
    await vi.advanceTimersByTimeAsync(300);
    writer.due(async () => void written.push('c'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(written).toEqual(['a fails', 'a', 'b fails', 'c']);
    expect(told).toBe(2);
  });

  it('fails who waits for it', async () => {
    const writer = createImageWriter();
    writer.due(() => Promise.reject(new Error('ENOSPC')));
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    writer.drop();
  });
});
