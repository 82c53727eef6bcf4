import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZOOM_MAX, aspectOf, atFirst, fitted, followed, measured, mirrored, panned, toImage, toScreen, turnedRight, zoomed } from '../../src/screens/web/image/place.js';
import { exposed, kept, moved, outermost, rasterOf } from '../../src/screens/web/image/raster.js';

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

test('a growing picture moves by whole pixels of the screen, however it is turned and whatever a pixel is', () => {
  const format = { pixels: 1000, pitch_um: 500, line_um: 533 };
  const rect = { x: 3, y: 5, width: 801.5, height: 600.4 };
  for (const ratio of [1, 1.25, 1.5, 2]) {
    for (const [turns, mirror] of [[0, false], [1, false], [2, true], [3, true], [0, true]]) {
      const at = (lines) => {
        const picture = { format, lines };
        const place = followed({ ...atFirst(), turns, mirror }, { lines, pixels: 1000, aspect: aspectOf(format) }, rect, ratio);
        return rasterOf({ rect, place, picture }, ratio);
      };
      let [before, way] = [at(2000), 0];
      for (let lines = 2001; lines < 2100; lines += 1) {
        const next = at(lines);
        const step = moved(before.zero, next.zero);
        assert.ok(step, `${ratio} ${turns} ${mirror} at line ${lines}: ${before.zero} to ${next.zero}`);
        way += Math.abs(step[0]) + Math.abs(step[1]);
        before = next;
      }
      const perLine = followed({ ...atFirst(), turns, mirror }, { lines: 1, pixels: 1000, aspect: aspectOf(format) }, rect, ratio).zoom * 1.066 * ratio;
      assert.ok(Math.abs(way - 99 * perLine) <= 1, `no line drifts: ${way} pixels for 99 lines of ${perLine}`);
    }
  }
});

test('a point of the picture is where the raster says', () => {
  const rect = { x: 10, y: 20, width: 800, height: 600 };
  const picture = { format: { pixels: 1000, pitch_um: 1000, line_um: 500 } };
  const place = { focus: [300, 400], zoom: 0.75, turns: 1, mirror: true, mode: 'free' };
  const { zero, back } = rasterOf({ rect, place, picture }, 2);
  const [x, y] = toScreen(place, 0.5, rect, [123, 456]).map((value, axis) => (value + [10, 20][axis]) * 2 - zero[axis]);
  near([back[0] * x + back[1] * y, back[2] * x + back[3] * y].map((value) => Math.round(value * 50) / 50), [123, 456]);
});

test('what stays in sight and what comes into sight make up the pane', () => {
  const port = { x: 5, y: 7, width: 40, height: 30 };
  for (const way of [[-3, 0], [3, 0], [0, -4], [0, 4], [-3, 4], [2, -9], [-40, 0], [99, -99], [0, 0]]) {
    const covered = new Set();
    const cover = ({ x, y, width, height }) => {
      for (let left = x; left < x + width; left += 1) for (let top = y; top < y + height; top += 1) covered.add(`${left} ${top}`);
    };
    const stays = kept(port, way);
    cover(stays);
    assert.equal(covered.size, stays.width * stays.height);
    for (const box of exposed(port, way)) cover(box);
    assert.equal(covered.size, 40 * 30, `${way}`);
    for (const place of covered) {
      const [x, y] = place.split(' ').map(Number);
      assert.ok(x >= 5 && x < 45 && y >= 7 && y < 37, `${way}: ${place} is outside`);
    }
  }
});

test('nothing is drawn twice because one box lies in another', () => {
  const [large, small, beside] = [{ x: 0, y: 0, width: 9, height: 9 }, { x: 1, y: 1, width: 2, height: 2 }, { x: 8, y: 0, width: 9, height: 9 }];
  assert.deepEqual(outermost([small, large, { ...large }, beside, { ...beside, width: 0 }]), [large, beside]);
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
