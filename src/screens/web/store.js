// What the page knows: the daemon's last word on this desk, and the images that memory holds. Panels listen.

import { Picture } from './image/picture.js';

/** Samples of images that a page keeps. */
const BYTES_MAX = 512 * 2 ** 20;
const IMAGES_MAX = 24;

export class Store extends EventTarget {
  constructor() {
    super();
    this.live = false;
    /** @type {any} */
    this.hello = null;
    /** @type {any} */
    this.state = null;
    this.stateAt = 0;
    /** @type {number | null} daemon's time at this page's time 0, milliseconds */
    this.offset = null;
    /** @type {Map<string, Picture>} oldest first */
    this.pictures = new Map();
    /** @type {import('./image/material.js').Table | null} */
    this.materials = null;
    /** @type {boolean | null} whether the source of lines can be reached; nothing when nobody said */
    this.source = null;
    /** Which picture the lines of a number belong to; numbers are those of one connection. @type {Map<number, Picture>} */
    this.channels = new Map();
    /** @type {Set<string>} images that are asked for and have not begun */
    this.wanted = new Set();
    /** Images to compare with and never to judge, by name. @type {{id: string, name: string}[]} */
    this.typical = [];
  }

  /** @param {string} what @param {any} [detail] */
  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  /** @param {string} what @param {(detail: any) => void} listener */
  on(what, listener) {
    this.addEventListener(what, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }

  /** The daemon's time now; the kiosk's own clock is not believed. */
  now() {
    return this.offset === null ? null : this.offset + performance.now();
  }

  /** @param {any} message */
  take(message) {
    const now = Date.parse(message.now ?? '');
    if (!Number.isNaN(now)) this.offset = now - performance.now();
    switch (message.type) {
      case 'hello':
        this.hello = message;
        this.channels.clear();
        this.wanted.clear();
        this.typical = message.typical ?? [];
        return this.tell('hello');
      case 'typical': // the daemon had not read all of them when it said hello
        this.typical = message.typical ?? [];
        return this.tell('typical');
      case 'state': {
        const before = this.state;
        this.state = message;
        this.stateAt = performance.now();
        return this.tell('state', before);
      }
      case 'image.begin':
        return this.begin(message);
      case 'image.end': {
        const picture = this.pictures.get(message.image);
        picture?.end(message.outcome);
        if (picture) picture.missing = message.missing ?? 0;
        return picture && this.tell('end', picture);
      }
      case 'gone': {
        const picture = this.pictures.get(message.image);
        this.wanted.delete(message.image);
        if (picture) picture.gone = true;
        return this.tell('gone', message.image);
      }
      case 'materials': {
        const data = Uint8Array.from(atob(message.data), (letter) => letter.charCodeAt(0));
        if (data.length !== message.width * message.height * 4) return undefined;
        this.materials = { width: message.width, height: message.height, data };
        return this.tell('materials');
      }
      case 'link':
        this.source = message.up;
        return this.tell('link');
      default:
        return undefined; // a later daemon may say more
    }
  }

  /** @param {any} message */
  begin({ image, number, format, made }) {
    const known = this.pictures.get(image);
    const asked = this.wanted.delete(image);
    if (known) {
      this.channels.set(number, known); // begun again for a page that came back: its lines come again, to the same picture
      return;
    }
    const picture = new Picture(image, number, format, made);
    this.channels.set(number, picture);
    picture.recalled = asked;
    this.pictures.set(image, picture);
    this.tell('begin', picture);
    let bytes = [...this.pictures.values()].reduce((sum, each) => sum + each.bytes(), 0);
    for (const [id, old] of this.pictures) {
      if (this.pictures.size <= 2 || (this.pictures.size <= IMAGES_MAX && bytes <= BYTES_MAX)) break;
      if (old === picture || this.keeps?.(id)) continue;
      bytes -= old.bytes();
      this.pictures.delete(id);
    }
  }

  /** Set by who shows pictures: whether one is on the screen. @type {((id: string) => boolean) | undefined} */
  keeps;

  /** @param {import('./protocol.js').Lines} lines @param {number} at when it arrived */
  lines(lines, at) {
    const picture = this.channels.get(lines.number);
    if (picture?.put(lines)) this.tell('lines', { picture, at });
  }

  /** The name of a typical image; nothing for an image of a subject. @param {string} id @returns {string | null} */
  typicalName(id) {
    return this.typical.find((one) => one.id === id)?.name ?? null;
  }

  /** Images of subjects, oldest first. */
  get scanned() {
    return [...this.pictures.values()].filter((picture) => this.typicalName(picture.id) === null);
  }

  /** The image that began last; those that somebody asked for are older. */
  get newest() {
    const live = [...this.pictures.values()].filter((picture) => !picture.recalled);
    return live.at(-1) ?? null;
  }

  get subjects() {
    return this.state?.subjects ?? [];
  }

  get agency() {
    return this.hello?.me?.agency ?? '';
  }

  /** This desk's line in a subject's list. @param {any} subject */
  desk(subject) {
    return subject?.desks?.find((/** @type {any} */ desk) => desk.agency === this.agency) ?? null;
  }

  /** Whether the subject waits for this desk's verdict. @param {any} subject */
  waits(subject) {
    return subject?.step === 'reviewing' && this.desk(subject)?.standing === 'waiting' && !subject.mine?.verdict;
  }

  /** Milliseconds that are left of a subject's step. @param {any} subject @returns {number | null} */
  left(subject) {
    if (typeof subject?.left_ms !== 'number') return null;
    return Math.max(0, subject.left_ms - (performance.now() - this.stateAt));
  }

  /** @param {string} agency its name, or its id where nobody told */
  agencyName(agency) {
    return (this.hello?.agencies ?? []).find((/** @type {any} */ each) => each.id === agency)?.name ?? agency;
  }
}
