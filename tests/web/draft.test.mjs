import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTE_BYTES_MAX, POINTS_MAX, REGIONS_MAX, boxBetween, changed, corners, cutToBytes, empty, isEmpty, judgement, marked, nudged, polygonOf, redone, remarked, undone, unmarked } from '../../src/screens/web/draft.js';

const EXTENT = { lines: 100, pixels: 50 };
const BOX = { view: 0, category: 'blade', shape: 'box', x: 10, y: 5, width: 20, height: 10 };

test('everything is undone and redone in its order until it is sealed', () => {
  const steps = [
    (draft) => changed(draft, { verdict: 'alarm' }),
    (draft) => marked(draft, BOX),
    (draft) => changed(draft, { note: 'handle' }),
    (draft) => remarked(draft, 0, { ...BOX, category: 'firearm' }),
    (draft) => unmarked(draft, 0),
  ];
  const trail = [empty()];
  for (const step of steps) trail.push(step(trail.at(-1)));
  let draft = trail.at(-1);
  for (let at = trail.length - 2; at >= 0; at -= 1) {
    draft = undone(draft);
    assert.deepEqual(draft.said, trail[at].said);
  }
  assert.ok(isEmpty(draft) && undone(draft) === draft);
  for (const { said } of trail.slice(1)) {
    draft = redone(draft);
    assert.deepEqual(draft.said, said);
  }
  assert.equal(redone(draft), draft);
});

test('what is done after an undo forgets what was undone, and nothing is no step', () => {
  const draft = changed(undone(changed(empty(), { verdict: 'clear' })), { verdict: 'unknown' });
  assert.equal(draft.future.length, 0);
  assert.equal(changed(draft, { verdict: 'unknown' }), draft);
});

test('a box is whole pixels within the image whichever way it was drawn', () => {
  assert.deepEqual(boxBetween([30.2, 15.9], [10.7, 5.1], EXTENT), { shape: 'box', x: 10, y: 5, width: 21, height: 11 });
  assert.deepEqual(boxBetween([-40, -40], [500, 500], EXTENT), { shape: 'box', x: 0, y: 0, width: 100, height: 50 });
  assert.equal(boxBetween([120, 5], [130, 9], EXTENT), null, 'beside the image');
});

test('a polygon has three corners or more, none twice in a row, all within the image', () => {
  assert.deepEqual(polygonOf([[1.5, 2.5], [1.9, 2.1], [120, 3], [50, 80], [1, 2]], EXTENT), { shape: 'polygon', points: [[1, 2], [99, 3], [50, 49]] });
  assert.equal(polygonOf([[1, 1], [2, 2], [2.5, 2.5]], EXTENT), null);
  assert.equal(polygonOf(Array.from({ length: POINTS_MAX + 1 }, (_, at) => [at % 100, at % 7]), EXTENT), null);
});

test('a mark moves and grows by keys and stays in the image', () => {
  assert.deepEqual(nudged(BOX, { dx: -1000, dy: 1000 }, EXTENT), { ...BOX, x: 0, y: 40 });
  assert.deepEqual(nudged(BOX, { wider: -1000, higher: 1000 }, EXTENT), { ...BOX, width: 1, height: 50, y: 0 });
  const polygon = { view: 0, category: 'other', shape: 'polygon', points: [[0, 0], [5, 0], [5, 5]] };
  assert.deepEqual(nudged(polygon, { dx: 1, dy: 2 }, EXTENT).points, [[1, 2], [6, 2], [6, 7]]);
  assert.equal(corners(BOX).length, 4);
});

test('no more is marked than a verdict takes, and a note is cut at whole letters', () => {
  let draft = empty();
  for (let at = 0; at <= REGIONS_MAX; at += 1) draft = marked(draft, { ...BOX, x: at % 50 });
  assert.equal(draft.said.regions.length, REGIONS_MAX);
  const note = cutToBytes('枪'.repeat(1000));
  assert.equal(new TextEncoder().encode(note).length, 1998);
  assert.ok(note.length * 3 <= NOTE_BYTES_MAX && !note.includes('\uFFFD'));
});

test('the act names the image that was judged, and no note where none was written', () => {
  const draft = changed(marked(empty(), BOX), { verdict: 'alarm', note: '  ' });
  assert.deepEqual(judgement(draft, 'i-1', { id: 'a', revision: 2, more: 'not sent' }), {
    verb: 'judge', inspection: 'i-1', verdict: 'alarm', image: { id: 'a', revision: 2 }, regions: [BOX],
  });
});
