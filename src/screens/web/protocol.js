// What the daemon sends over the desk's WebSocket.
//
// Text frames are JSON objects with a `type`. Binary frames are lines of one view of one image, little-endian:
//
//   byte  0  u8   version, 1
//         1  u8   view, from 0
//         2  u8   energies: 1, or 2 with the softer one first; 3 of a coloured picture: red, green and blue
//         3  u8   step: 1 = the lines follow each other; n = each is n further than the one before it (a page that is
//                 behind gets every n-th line first and the ones between later, each line exactly once)
//         4  u32  number of the image, as its `image.begin` said
//         8  u32  index of the first line
//        12  u16  count of lines
//        14  u16  pixels of a line and energy
//        16  u32  m, bytes of the mask that follows
//        20  m bytes, bit i = line i of this frame was lost and its neighbour stands in its place; zeros up to a
//            multiple of 4
//         …  count × energies × pixels u16 samples, line by line, in a line all of the softer energy first

export const VERSION = 1;
export const HEADER_BYTES = 20;

/**
 * @typedef {object} Lines
 * @property {number} number  the image's number
 * @property {number} view
 * @property {number} energies
 * @property {number} step
 * @property {number} first   index of the first line
 * @property {number} count
 * @property {number} pixels
 * @property {Uint8Array} mask
 * @property {Uint16Array} samples
 */

/** A frame that is not what the head of this file says. */
export class Broken extends Error {}

/**
 * @param {ArrayBuffer} buffer
 * @returns {Lines}
 */
export function decodeLines(buffer) {
  if (buffer.byteLength < HEADER_BYTES) throw new Broken(`a frame of ${buffer.byteLength} bytes has no header`);
  const view = new DataView(buffer);
  const version = view.getUint8(0);
  if (version !== VERSION) throw new Broken(`version ${version}, expected ${VERSION}`);
  const energies = view.getUint8(2);
  const step = view.getUint8(3);
  const count = view.getUint16(12, true);
  const pixels = view.getUint16(14, true);
  const maskBytes = view.getUint32(16, true);
  if (energies < 1 || energies > 3 || step === 0 || count === 0 || pixels === 0) {
    throw new Broken(`${energies} energies, step ${step}, ${count} lines of ${pixels} pixels`);
  }
  const start = HEADER_BYTES + 4 * Math.ceil(maskBytes / 4);
  const samples = count * energies * pixels;
  if (maskBytes < Math.ceil(count / 8) || buffer.byteLength !== start + 2 * samples) {
    throw new Broken(`${buffer.byteLength} bytes, expected ${start + 2 * samples}`);
  }
  return {
    number: view.getUint32(4, true),
    view: view.getUint8(1),
    energies,
    step,
    first: view.getUint32(8, true),
    count,
    pixels,
    mask: new Uint8Array(buffer, HEADER_BYTES, maskBytes),
    samples: new Uint16Array(buffer, start, samples), // every browser of today runs little-endian
  };
}

/**
 * @param {Lines} lines
 * @param {number} place  0 is the frame's first line
 */
export function isFilled(lines, place) {
  return ((lines.mask[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;
}

/**
 * @param {string} text
 * @returns {{type: string} & Record<string, any>}
 */
export function decodeText(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new Broken('a text frame is not JSON');
  }
  if (message === null || typeof message !== 'object' || typeof message.type !== 'string') {
    throw new Broken('a text frame has no type');
  }
  return message;
}
