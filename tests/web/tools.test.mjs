import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLAIN, allowed, stepped, whyNot } from '../../src/screens/web/image/tools.js';
import { AIR, PRESETS, automatic, bounded, brightness, dragged, grey } from '../../src/screens/web/image/window.js';
import { cell, classOf } from '../../src/screens/web/image/material.js';
import { CHUNK, Picture } from '../../src/screens/web/image/picture.js';
import { shades } from '../../src/screens/web/image/colours.js';

const DUAL = { energies: 2, raw: true };
const SINGLE = { energies: 1, raw: true };
const RENDERED = { energies: 2, raw: false };

test('one energy has no colour and says why', () => {
  for (const tool of ['material', 'organic', 'inorganic', 'hot', 'rainbow']) {
    assert.equal(whyNot(tool, SINGLE), 'why.single_energy', tool);
    assert.equal(whyNot(tool, RENDERED), 'why.rendered', tool);
    assert.equal(whyNot(tool, DUAL), null, tool);
    assert.equal(whyNot(tool, null), 'why.no_image', tool);
  }
  const plain = { ...DUAL, table: false };
  assert.deepEqual(['material', 'organic', 'hot'].map((tool) => whyNot(tool, plain)), ['why.no_table', 'why.no_table', null]);
  assert.equal(allowed(PLAIN, plain).scheme, 'grey', 'without a calibration no material is told');
  assert.equal(whyNot('high_penetration', RENDERED), 'why.rendered');
  assert.equal(whyNot('invert', SINGLE), null);
});

test('colours of somebody who rendered them are shown or left away, and nothing is told from them', () => {
  const own = { energies: 3, raw: false };
  assert.deepEqual(['material', 'grey', 'invert', 'edge', 'contrast'].map((tool) => whyNot(tool, own)), [null, null, null, null, null]);
  for (const tool of ['organic', 'inorganic', 'hot', 'rainbow', 'energy', 'low_penetration', 'high_penetration']) {
    assert.equal(whyNot(tool, own), 'why.rendered', tool);
  }
  const drawn = allowed(stepped({ ...PLAIN, energy: 'high' }, 'organic'), own);
  assert.deepEqual([drawn.scheme, drawn.only, drawn.energy], ['material', 'all', 'low']);
  assert.equal(allowed(stepped(PLAIN, 'grey'), own).scheme, 'grey');
  assert.equal(whyNot('material', { energies: 3, raw: true }), 'why.single_energy', 'three planes are not two energies');
});

test('a coloured sample is read as its colours and their luminance, and has no class', () => {
  const it = new Picture('a', 1, { pixels: 2, energies: 3, views: 1, pitch_um: 0, line_um: 0, live: false, raw: false }, '');
  const samples = Uint16Array.of(AIR, 0, AIR, 12000, AIR, 24000);
  assert.ok(it.put({ number: 1, view: 0, energies: 3, step: 1, first: 0, count: 1, pixels: 2, mask: Uint8Array.of(0, 0, 0, 0), samples }));
  assert.deepEqual(it.sample(0, 0, 0), { low: AIR, high: null, rgb: [AIR, AIR, AIR] });
  assert.deepEqual(it.sample(0, 0, 1), { low: Math.round(0.7152 * 12000 + 0.0722 * 24000), high: null, rgb: [0, 12000, 24000] });
  assert.deepEqual(shades([0, 12000, 24000]), [0, 51, 102]);
  assert.equal(classOf({ width: 256, height: 256, data: new Uint8Array(256 * 256 * 4).fill(1) }, it, 0, 0, 0), null);
  assert.equal(it.bytes(), CHUNK * (2 * 3 * 2 + 1), 'all three planes weigh');
});

test('what is drawn of one energy is grey whatever was chosen, and the choice comes back', () => {
  for (const scheme of ['material', 'hot', 'rainbow']) {
    const drawn = allowed({ ...PLAIN, scheme, only: 'organic' }, SINGLE);
    assert.deepEqual([drawn.scheme, drawn.only, drawn.energy], ['grey', 'all', 'low']);
  }
  const chosen = stepped(PLAIN, 'organic');
  assert.deepEqual(allowed(chosen, DUAL), chosen);
});

test('a tool that is pressed twice is off again', () => {
  for (const tool of ['organic', 'inorganic', 'invert', 'smooth', 'low_penetration', 'high_penetration']) {
    const on = stepped(PLAIN, tool);
    assert.notDeepEqual(on, PLAIN, tool);
    assert.deepEqual(stepped(on, tool), PLAIN, tool);
  }
  for (const tool of ['edge', 'contrast']) {
    assert.deepEqual([1, 2, 3, 4].reduce((tools) => stepped(tools, tool), PLAIN), PLAIN, tool);
  }
  assert.equal(stepped(stepped(PLAIN, 'inorganic'), 'organic').only, 'organic');
  assert.deepEqual(stepped(stepped(PLAIN, 'hot'), 'plain'), PLAIN);
  assert.throws(() => stepped(PLAIN, 'none'));
});

test('a window takes its lower edge to black and its upper one to white', () => {
  const window = { centre: 0.5, width: 0.2 };
  assert.deepEqual([0.3, 0.4, 0.5, 0.6, 0.9].map((part) => Number(brightness(window, part).toFixed(6))), [0, 0, 0.5, 1, 1]);
  assert.deepEqual(bounded({ centre: -1, width: 0 }), { centre: 0, width: 0.005 });
  assert.equal(brightness(PRESETS.full, grey(AIR, true)), 1, 'air is white');
});

test('grey goes with the absorption as in files, and a rendered picture keeps its own', () => {
  const depth = (d) => AIR * Math.exp(-d);
  assert.equal(grey(AIR * 1.05, true), 1, 'noise above air');
  assert.equal(grey(0, true), 0);
  assert.ok(Math.abs(grey(depth(1.5), true) - (1 - 0.25 ** 0.7)) < 1e-9);
  assert.ok(Math.abs(grey(depth(3), true) - (1 - 0.5 ** 0.7)) < 1e-9);
  assert.equal(grey(AIR / 4, false), 0.25);
});

test('a drag to the right widens and a drag up brightens, and back is where it began', () => {
  const begun = { centre: 0.5, width: 0.4 };
  const moved = dragged(begun, 0.25, 0);
  assert.ok(moved.width > begun.width && moved.centre === begun.centre);
  assert.ok(brightness(dragged(begun, 0, 0.2), 0.5) > brightness(begun, 0.5));
  assert.ok(Math.abs(dragged(moved, -0.25, 0).width - begun.width) < 1e-9);
});

test('the automatic window lies between the darkest and the brightest that are not strays', () => {
  const values = [...Array(5000).fill(0.2), ...Array(5000).fill(0.5), 0, 1.2];
  const { centre, width } = automatic(values);
  assert.ok(Math.abs(centre - 0.35) < 0.01 && Math.abs(width - 0.3) < 0.01, `${centre} ${width}`);
  assert.equal(automatic([1, 2, 3]), null);
});

test('the place of two samples in the table is that of docs/materials.md', () => {
  assert.deepEqual(cell(60000, 60000), [0, 0], 'air');
  assert.deepEqual(cell(65535, 65535), [0, 0], 'above air');
  const [column, row] = cell(60000 * Math.exp(-2), 60000 * Math.exp(-1));
  assert.deepEqual([column, row], [Math.floor(256 * Math.sqrt(1 / 8)), Math.floor(256 / 3)]);
  assert.equal(cell(0, 0)[0], 255);
});

test('the class under the cursor averages what is alike and leaves out what is not', () => {
  const picture = new Picture('a', 1, { pixels: 5, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true }, '');
  const line = [[8000, 20000], [8000, 20000], [8200, 20500], [60000, 60000], [60000, 60000]];
  const samples = Uint16Array.from([...line.map(([low]) => low), ...line.map(([, high]) => high)]);
  picture.put({ number: 1, view: 0, energies: 2, step: 1, first: 0, count: 1, pixels: 5, mask: new Uint8Array(4), samples });
  const data = new Uint8Array(256 * 256 * 4);
  const table = { width: 256, height: 256, data };
  const around = [(8000 * 2 + 8200) / 3, (20000 * 2 + 20500) / 3];
  const [column, row] = cell(...around);
  data[(row * 256 + column) * 4 + 3] = 3;
  assert.equal(classOf(table, picture, 0, 0, 2), 'inorganic');
  assert.equal(classOf(table, picture, 0, 0, 4), 'empty');
  assert.equal(classOf(null, picture, 0, 0, 2), null);
});
