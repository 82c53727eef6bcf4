import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZOOM_MAX, aspectOf, atFirst, fitted, followed, measured, mirrored, panned, toImage, toScreen, turnedRight, zoomed } from '../../src/screens/web/image/place.js';

const SIZE = { width: 800, height: 600 };
const EXTENT = { lines: 2000, pixels: 1000, aspect: 1 };
const near = (one, other) => one.forEach((value, at) => assert.ok(Math.abs(value - other[at]) < 1e-6, `${one} is not ${other}`));

test('all of a picture stands in the pane, however it is turned', () => {
  for (let turns = 0; turns < 4; turns += 1) {
    for (const mirror of [false, true]) {
      for (const aspect of [1, 0.5, 2]) {
        const place = fitted({ ...atFirst(), turns, mirror }, { ...EXTENT, aspect }, SIZE);
        const corners = [[0, 0], [2000, 0], [0, 1000], [2000, 1000]].map((point) => toScreen(place, aspect, SIZE, point));
        for (const [x, y] of corners) assert.ok(x > -0.01 && x < 800.01 && y > -0.01 && y < 600.01, `${turns} ${mirror} ${aspect}: ${x}, ${y}`);
        const touches = corners.some(([x, y]) => Math.abs(x) < 0.01 || Math.abs(y) < 0.01);
        assert.ok(touches, 'as large as it can be');
      }
    }
  }
});

test('the way back from the screen is exact for every turn and mirror', () => {
  for (let turns = 0; turns < 4; turns += 1) {
    for (const mirror of [false, true]) {
      const place = { ...atFirst(), turns, mirror, zoom: 1.7, focus: [123, 456] };
      near(toImage(place, 0.8, SIZE, toScreen(place, 0.8, SIZE, [17, 905])), [17, 905]);
    }
  }
});

test('a quarter turn to the right takes what is above to the right', () => {
  const [x, y] = toScreen(turnedRight({ ...atFirst(), focus: [10, 10] }), 1, SIZE, [10, 0]);
  near([x, y], [410, 300]);
  near(toScreen(mirrored({ ...atFirst(), focus: [10, 10] }), 1, SIZE, [0, 10]), [410, 300]);
});

test('a growing picture keeps its scale and shows its newest line at the far end', () => {
  const short = followed(atFirst(), { ...EXTENT, lines: 100 }, SIZE);
  near(toScreen(short, 1, SIZE, [0, 0]), [0, 0]);
  const long = followed(atFirst(), { ...EXTENT, lines: 5000 }, SIZE);
  assert.equal(long.zoom, short.zoom);
  near(toScreen(long, 1, SIZE, [5000, 1000]), [800, 600]);
});

test('zooming leaves what is under the pointer where it is and goes to sixteen', () => {
  const place = fitted(atFirst(), EXTENT, SIZE);
  const under = toImage(place, 1, SIZE, [700, 100]);
  const next = zoomed(place, 1, SIZE, 3, [700, 100]);
  near(toScreen(next, 1, SIZE, under), [700, 100]);
  assert.equal(zoomed(next, 1, SIZE, 1e6, [700, 100]).zoom, ZOOM_MAX);
  assert.equal(ZOOM_MAX, 16);
});

test('a picture cannot be pushed out of sight', () => {
  const place = panned(fitted(atFirst(), EXTENT, SIZE), EXTENT, SIZE, 1e6, -1e6);
  near(place.focus, [0, 1000]);
});

test('lengths are millimetres where the machine said both spacings and pixels else', () => {
  assert.deepEqual(measured([0, 0], [300, 400], { pitch_um: 1000, line_um: 1000 }), { value: 500, unit: 'mm' });
  assert.deepEqual(measured([0, 0], [300, 0], { pitch_um: 1000, line_um: 500 }), { value: 150, unit: 'mm' });
  assert.deepEqual(measured([0, 0], [3, 4], { pitch_um: 0, line_um: 500 }), { value: 5, unit: 'px' });
  assert.equal(aspectOf({ pitch_um: 1000, line_um: 500 }), 0.5);
  assert.equal(aspectOf({ pitch_um: 0, line_um: 500 }), 1);
});
