import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNK, EXACT, FILLED, MISSING, Picture, STRETCHED } from '../../src/screens/web/image/picture.js';
import { BLOCK, BlockMeans } from '../../src/screens/web/image/means.js';

const FORMAT = { pixels: 2, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
const frame = (first, count, step = 1, mask = 0) => ({
  number: 1, view: 0, energies: 2, step, first, count, pixels: 2, mask: Uint8Array.of(mask, 0, 0, 0),
  samples: Uint16Array.from({ length: count * 4 }, (_, at) => (first + Math.floor(at / 4) * step) * 10 + (at % 4)),
});
const picture = () => new Picture('a', 1, FORMAT, '');
const states = (view, lines) => Array.from({ length: lines }, (_, line) => view.state(line));
const sources = (view, lines) => Array.from({ length: lines }, (_, line) => (view.line(line)?.[0] ?? -10) / 10);

test('lines stand where their index says, and a filled one is known as such', () => {
  const it = picture();
  it.put(frame(0, 3, 1, 0b010));
  assert.deepEqual(states(it.views[0], 4), [EXACT, FILLED, EXACT, MISSING]);
  assert.deepEqual(it.sample(0, 2, 1), { low: 21, high: 23 });
  assert.equal(it.sample(0, 3, 0), null);
  assert.equal(it.sample(0, 0, 2), null, 'beside the detector');
  assert.deepEqual(it.views[0].filledRanges(), [[1, 2]]);
});

test('a thinned image is stretched and becomes exact line by line, in whatever order they come', () => {
  const it = picture();
  it.put(frame(0, 2, 4));
  assert.deepEqual(sources(it.views[0], 8), [0, 0, 0, 0, 4, 4, 4, 4]);
  assert.equal(it.stretched, 6);
  it.put(frame(2, 2, 4));
  assert.deepEqual(sources(it.views[0], 8), [0, 0, 2, 2, 4, 4, 6, 6], 'the nearer line stands in');
  it.put(frame(3, 2, 4));
  it.put(frame(1, 2, 4));
  assert.deepEqual(sources(it.views[0], 8), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual([...new Set(states(it.views[0], 8))], [EXACT]);
  assert.equal(it.stretched, 0);
});

test('a stretched line never covers one that has come', () => {
  const it = picture();
  it.put(frame(3, 1));
  it.put(frame(0, 1, 8));
  assert.deepEqual(sources(it.views[0], 8), [0, 0, 0, 3, -1, -1, -1, -1]);
  assert.deepEqual(states(it.views[0], 4), [EXACT, STRETCHED, STRETCHED, EXACT]);
});

test('the end cuts what was stretched beyond the last line', () => {
  const it = picture();
  it.put(frame(0, 1, 8));
  assert.equal(it.lines, 8);
  it.end({ lines: 5, filled: 0, flaws: [] });
  assert.equal(it.lines, 5);
  assert.equal(it.sample(0, 5, 0), null);
});

test('lines cross from one chunk into the next and changed ranges are joined', () => {
  const it = picture();
  const view = it.views[0];
  it.put(frame(CHUNK - 2, 4));
  it.put(frame(CHUNK + 2, 1));
  assert.deepEqual(view.takeDirty(), [[CHUNK - 2, CHUNK + 3]]);
  assert.deepEqual(view.takeDirty(), []);
  assert.equal(view.line(CHUNK)[0], CHUNK * 10 % 65536);
});

test('lines of another form are not taken', () => {
  const it = picture();
  assert.equal(it.put({ ...frame(0, 1), view: 1 }), false);
  assert.equal(it.put({ ...frame(0, 1), energies: 1 }), false);
  assert.equal(it.put({ ...frame(0, 1), pixels: 3 }), false);
  assert.equal(it.lines, 0);
});

test('the mean of a block is that of the lines that are there, and follows them', () => {
  const it = picture();
  it.put(frame(0, 2));
  const means = new BlockMeans(it.views[0], FORMAT);
  // Low samples 0, 1 and 10, 11; high ones 2, 3 and 12, 13.
  assert.deepEqual([...means.rows(0, 1, 0, 1)], [5, 7]);
  it.put(frame(2, 1));
  assert.deepEqual([...means.rows(0, 1, 0, 1)], [5, 7], 'kept until it is told');
  means.forget(2, 3);
  assert.deepEqual([...means.rows(0, 1, 0, 1)], [10, 12]);
  assert.equal(BLOCK, 16);
});

test('what is cut off a thinned image at its end is drawn over', () => {
  const it = picture();
  it.put(frame(0, 2, 64));
  it.views[0].takeDirty();
  it.end({ lines: 70, filled: 0, flaws: [] });
  assert.deepEqual(it.views[0].takeDirty(), [[70, 128]]);
});
