import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broken, decodeLines, decodeText, isFilled } from '../../src/screens/web/protocol.js';

/** Two lines of two elements and two energies, every eighth line from 1000 on, the second one filled. */
const FRAME = [
  1, 1, 2, 8, // version, view, energies, step
  7, 0, 0, 0, // number
  0xe8, 3, 0, 0, // first line
  2, 0, // count
  2, 0, // pixels
  4, 0, 0, 0, // bytes of the mask
  0b10, 0, 0, 0,
  1, 0, 0x60, 0xea, 3, 0, 2, 1, // low, low, high, high
  5, 0, 6, 0, 7, 0, 8, 0,
];
const buffer = (bytes) => Uint8Array.from(bytes).buffer;
const changed = (at, ...bytes) => buffer(FRAME.map((byte, place) => bytes[place - at] ?? byte));

test('a frame is these bytes and if this fails the daemon has to change too', () => {
  const lines = decodeLines(buffer(FRAME));
  const { number, view, energies, step, first, count, pixels } = lines;
  assert.deepEqual({ number, view, energies, step, first, count, pixels }, { number: 7, view: 1, energies: 2, step: 8, first: 1000, count: 2, pixels: 2 });
  assert.deepEqual([...lines.samples], [1, 60000, 3, 0x0102, 5, 6, 7, 8]);
  assert.deepEqual([isFilled(lines, 0), isFilled(lines, 1)], [false, true]);
});

test('three planes of a coloured picture are taken', () => {
  const bytes = [...FRAME.slice(0, 24), ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].flatMap((sample) => [sample, 0])];
  bytes[2] = 3;
  const lines = decodeLines(buffer(bytes));
  assert.deepEqual([lines.energies, [...lines.samples]], [3, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]);
});

test('a mask that is no multiple of four is padded', () => {
  const bytes = [...FRAME.slice(0, 16), 1, 0, 0, 0, 0b01, 0, 0, 0, ...FRAME.slice(24)];
  const lines = decodeLines(buffer(bytes));
  assert.deepEqual([lines.samples[1], isFilled(lines, 0), isFilled(lines, 1)], [60000, true, false]);
});

test('a frame that is not what it says is broken and nothing of it is used', () => {
  const broken = {
    'no header': buffer(FRAME.slice(0, 19)),
    'another version': changed(0, 2),
    'no energy': changed(2, 0),
    'four energies': changed(2, 4),
    'three colours, but samples of two energies': changed(2, 3),
    'no step': changed(3, 0),
    'no line': changed(12, 0, 0),
    'no pixel': changed(14, 0, 0),
    'a line less than it says': buffer(FRAME.slice(0, -8)),
    'a byte more': buffer([...FRAME, 0]),
    'a mask that is longer than the frame': changed(16, 0xff, 0xff, 0xff, 0x7f),
    'a mask that is too short for its lines': buffer([...FRAME.slice(0, 16), 0, 0, 0, 0, ...FRAME.slice(24)]),
  };
  for (const [what, bytes] of Object.entries(broken)) assert.throws(() => decodeLines(bytes), Broken, what);
});

test('a text frame is an object with a type', () => {
  assert.equal(decodeText('{"type":"beat","now":"x"}').type, 'beat');
  for (const text of ['', 'null', '[]', '3', '{}', '{"type":1}', '{"type"']) assert.throws(() => decodeText(text), Broken, text);
});
