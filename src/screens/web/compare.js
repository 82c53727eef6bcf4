// Which image stands beside the one on the screen: a typical one, or another of the last ones. Nothing here is ever judged.

import { t } from './words.js';

export class Comparison {
  /** @param {Pick<import('./desk.js').Desk, 'store' | 'stage' | 'wantIfAbsent' | 'told' | 'draw'>} desk */
  constructor(desk) {
    this.desk = desk;
    this.on = false;
    /** The image that is to stand there, also while it is on its way. @type {string | null} */
    this.beside = null;
    /** The typical image of last time. @type {string | null} */
    this.usual = null;
  }

  toggle() {
    if (this.on) return this.end();
    const other = this.first();
    this.desk.told(t(other ? 'stage.choose_compared' : 'stage.nothing_to_compare'));
    if (other) this.with(other);
  }

  /** What to begin with until somebody chooses: the typical image of last time, the first one, the newest other image. */
  first() {
    const { store, stage } = this.desk;
    const typical = store.typical.find(({ id }) => id === this.usual) ?? store.typical[0];
    return typical?.id ?? store.scanned.filter((picture) => picture !== stage.main).at(-1)?.id ?? null;
  }

  /** Whether an image that somebody chose belongs here and not on the screen. @param {string} id */
  takes(id) {
    return this.desk.store.typicalName(id) !== null || (this.on && id !== this.desk.stage.main?.id);
  }

  /** @param {string} id */
  with(id) {
    const { store, stage } = this.desk;
    this.on = true;
    this.beside = id;
    if (store.typicalName(id) !== null) this.usual = id;
    this.desk.wantIfAbsent(id);
    const picture = store.pictures.get(id);
    if (picture) stage.compare(picture);
    this.desk.draw();
  }

  end() {
    this.on = false;
    this.beside = null;
    this.desk.stage.compare(null);
    this.desk.draw();
  }

  /** @param {import('./image/picture.js').Picture} picture */
  began(picture) {
    if (this.beside === picture.id) this.desk.stage.compare(picture);
  }

  /** @param {string} id of an image that nobody has any more */
  gone(id) {
    const { store, stage, told } = this.desk;
    if (this.beside === id && !store.pictures.has(id)) {
      this.beside = null;
      if (!stage.compared) this.on = false;
      told.call(this.desk, t('recall.gone'));
    }
    this.desk.draw();
  }
}
