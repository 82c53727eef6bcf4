// Mouse, touch and pen on the image. Every drag has a way without dragging: two clicks make a box or a measurement, and
// with the keyboard the picture moves under a fixed cross where Enter is the click.

/** A click may tremble by so many CSS pixels. */
const TREMBLE = 5;
/** Where a polygon closes. */
const CLOSE = 14;

export class Pointer {
  /**
   * @param {import('./stage.js').Stage} stage
   * @param {{shape: (kind: 'box' | 'polygon', view: number, points: number[][]) => void, point: (pane: any, point: number[] | null) => void, mayMark: () => boolean}} hooks
   */
  constructor(stage, hooks) {
    this.stage = stage;
    this.hooks = hooks;
    /** @type {Map<number, number[]>} */
    this.down = new Map();
    /** @type {{start: number[], last: number[], how: string, pane: any, moved: boolean} | null} */
    this.drag = null;
    this.pinch = 0;
    const { host } = stage;
    host.addEventListener('pointerdown', (event) => this.press(event));
    host.addEventListener('pointermove', (event) => this.moved(event));
    host.addEventListener('pointerup', (event) => this.release(event));
    host.addEventListener('pointercancel', (event) => this.cancel(event));
    host.addEventListener('pointerleave', () => this.hooks.point(null, null));
    host.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    host.addEventListener('dblclick', () => this.finish());
    host.addEventListener('contextmenu', (event) => event.preventDefault());
    host.addEventListener('focus', () => this.cross(host.matches(':focus-visible')));
    host.addEventListener('blur', () => this.cross(false));
  }

  /** @param {boolean} shown */
  cross(shown) {
    this.stage.overlay.cross = shown;
    this.stage.redraw();
  }

  /** @param {MouseEvent} event */
  place(event) {
    const box = this.stage.host.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {PointerEvent} event */
  press(event) {
    // A button over the picture is pressed itself: captured by the picture, the pointer would never click it.
    if (/** @type {Element} */ (event.target).closest('button')) return;
    const point = this.place(event);
    this.down.set(event.pointerId, point);
    this.stage.host.setPointerCapture(event.pointerId);
    if (this.down.size === 2) {
      this.drag = null;
      this.pinch = this.spread();
      return;
    }
    const at = this.stage.paneAt(point);
    if (at === null) return;
    if (at !== this.stage.active) {
      this.stage.active = at;
      this.stage.redraw();
    }
    const how = event.button === 2 ? 'window' : event.button === 1 ? 'hand' : this.stage.mode;
    this.drag = { start: point, last: point, how, pane: this.stage.panes[at], moved: false };
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const point = this.place(event);
    if (this.down.has(event.pointerId)) this.down.set(event.pointerId, point);
    if (this.down.size === 2) return this.pinched();
    const at = this.stage.paneAt(point);
    this.hooks.point(at === null ? null : this.stage.panes[at], point);
    const { drag } = this;
    if (!drag) return this.hover(point);
    const [dx, dy] = [point[0] - drag.last[0], point[1] - drag.last[1]];
    if (!drag.moved && Math.hypot(point[0] - drag.start[0], point[1] - drag.start[1]) < TREMBLE) return undefined;
    drag.moved = true;
    drag.last = point;
    const pane = this.stage.panes.find((pane) => pane.slot === drag.pane.slot && pane.view === drag.pane.view);
    if (!pane) return undefined;
    if (drag.how === 'hand') this.stage.pan(dx, dy, pane);
    else if (drag.how === 'window') this.stage.use('drag', { across: dx / pane.rect.width, up: -dy / pane.rect.height });
    else if (drag.how !== 'polygon') this.grow(pane, drag.how, [drag.start, point]);
    return undefined;
  }

  /** @param {PointerEvent} event */
  release(event) {
    const pinched = this.down.size === 2;
    this.down.delete(event.pointerId);
    const { drag } = this;
    this.drag = null;
    if (pinched || !drag || drag.how === 'hand' || drag.how === 'window') return;
    if (!drag.moved) this.click(drag.start);
    else if (drag.how === 'polygon') this.click(this.place(event));
    else this.finish();
  }

  /** @param {PointerEvent} event */
  cancel(event) {
    this.down.delete(event.pointerId);
    this.drag = null;
  }

  /** A corner of what is being drawn; also what Enter does at the cross. @param {number[]} point on the stage */
  click(point) {
    const { mode } = this.stage;
    if (mode === 'hand' || mode === 'window') return;
    const { growing } = this.stage.overlay;
    const at = this.stage.paneAt(point);
    const pane = growing ? this.stage.panes.find((pane) => pane.slot === growing.pane.slot && pane.view === growing.pane.view) : at === null ? null : this.stage.panes[at];
    if (!pane) return;
    const corner = this.stage.imagePoint(pane, point);
    if (!growing) {
      this.begin(pane, mode, [corner]);
      return;
    }
    growing.points = mode === 'polygon' ? [...growing.points, corner] : [growing.points[0], corner];
    if (mode !== 'polygon') this.finish();
    else if (growing.points.length > 3 && this.closes(pane, point)) this.finish();
    this.stage.redraw();
  }

  /** The cross in the middle of the active pane. */
  clickCentre() {
    const { pane } = this.stage;
    if (pane) this.click([pane.rect.x + pane.rect.width / 2, pane.rect.y + pane.rect.height / 2]);
  }

  /** @param {any} pane @param {string} kind @param {number[][]} corners */
  begin(pane, kind, corners) {
    const marks = kind === 'box' || kind === 'polygon';
    if (marks && (pane.slot !== 'main' || !this.hooks.mayMark())) return false;
    this.stage.overlay.growing = { pane: { slot: pane.slot, view: pane.view }, kind, points: corners };
    this.stage.redraw();
    return true;
  }

  /** @param {any} pane @param {string} kind @param {number[][]} points on the stage */
  grow(pane, kind, points) {
    if (!this.stage.overlay.growing && !this.begin(pane, kind, [])) return;
    const { growing } = this.stage.overlay;
    if (growing) growing.points = points.map((point) => this.stage.imagePoint(pane, point));
    this.stage.redraw();
  }

  /** Between two clicks the shape follows the pointer. @param {number[]} point */
  hover(point) {
    const { growing } = this.stage.overlay;
    if (!growing || growing.kind === 'polygon') return;
    const pane = this.stage.panes.find((pane) => pane.slot === growing.pane.slot && pane.view === growing.pane.view);
    if (!pane) return;
    growing.points = [growing.points[0], this.stage.imagePoint(pane, point)];
    this.stage.redraw();
  }

  /** @param {any} pane @param {number[]} point */
  closes(pane, point) {
    const first = this.stage.overlay.growing?.points[0];
    if (!first) return false;
    const [x, y] = this.stage.overlay.at(pane, first);
    return Math.hypot(point[0] - x, point[1] - y) < CLOSE;
  }

  /** What is being drawn is done. */
  finish() {
    const { overlay } = this.stage;
    const { growing } = overlay;
    if (!growing || growing.points.length < 2) return;
    overlay.growing = null;
    const { kind, pane, points } = growing;
    if (kind === 'measure') {
      const picture = pane.slot === 'main' ? this.stage.main : this.stage.compared;
      if (picture) overlay.measure = { slot: pane.slot, picture: picture.id, view: pane.view, from: points[0], to: points[1] };
    } else if (kind === 'box' || kind === 'polygon') {
      this.hooks.shape(kind, pane.view, points);
    }
    this.stage.redraw('tool');
  }

  /** @returns {boolean} whether there was something to give up */
  giveUp() {
    const { overlay } = this.stage;
    const had = overlay.growing !== null || overlay.measure !== null;
    if (overlay.growing) overlay.growing = null;
    else overlay.measure = null;
    this.stage.redraw();
    return had;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const point = this.place(event);
    const at = this.stage.paneAt(point);
    if (at === null) return;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    this.stage.zoom(2 ** (-lines / 300), this.stage.panes[at], point);
  }

  spread() {
    const [[x, y], [u, v]] = [...this.down.values()];
    return Math.hypot(u - x, v - y);
  }

  pinched() {
    const [a, b] = [...this.down.values()];
    const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const spread = this.spread();
    const at = this.stage.paneAt(middle);
    if (at !== null && this.pinch > 0 && spread > 0) this.stage.zoom(spread / this.pinch, this.stage.panes[at], middle);
    this.pinch = spread;
  }

}

