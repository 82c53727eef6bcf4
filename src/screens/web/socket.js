// The desk's connection: comes back by itself, and says within three seconds that it is gone. Whether the page is live is
// judged by what arrives, not by what the browser thinks of the connection: a cable that was pulled closes nothing.

export const SILENCE_MS = 3000;
const BACK_OFF_MS = [250, 500, 1000, 2000, 4000];

/** How long to wait before the next attempt. @param {number} attempt from 0 @param {number} dice 0 to 1 */
export function backOff(attempt, dice) {
  const base = BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length - 1)];
  return base * (0.75 + 0.5 * dice); // not all desks of a lane at once
}

export class Connection {
  /**
   * @param {string} url
   * @param {{message: (data: string | ArrayBuffer, at: number) => void, live: (live: boolean) => void, refused: (code: number) => void, misunderstood: () => void}} hooks
   */
  constructor(url, hooks) {
    this.url = url;
    this.hooks = hooks;
    this.live = false;
    this.heard = -Infinity;
    this.attempt = 0;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.ended = false;
    this.timer = 0;
    setInterval(() => this.look(), 250);
    addEventListener('online', () => this.retry(0));
    this.open();
  }

  open() {
    if (this.ended) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.heard = performance.now();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      this.heard = performance.now();
      this.attempt = 0;
      this.set(true);
      this.hooks.message(data, this.heard);
    };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.set(false);
      if (code === 1008) this.hooks.misunderstood();
      if (!opened || code > 4000) this.hooks.refused(code); // the session may be over or locked: somebody has to ask
      this.retry(backOff(this.attempt, Math.random()));
      this.attempt += 1;
    };
  }

  /** @param {number} wait milliseconds */
  retry(wait) {
    if (this.socket || this.ended) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => !this.socket && this.open(), wait);
  }

  /** Leaves this connection for another, whoever sits here by now. */
  again() {
    const old = this.socket;
    this.socket = null; // what it still says is not heard
    old?.close();
    this.set(false);
    this.attempt = 0;
    this.retry(0);
  }

  look() {
    if (performance.now() - this.heard < SILENCE_MS) return;
    this.set(false);
    const stuck = this.socket;
    if (!stuck || performance.now() - this.heard < 2 * SILENCE_MS || stuck.readyState === WebSocket.CONNECTING) return;
    this.socket = null; // it may take minutes to close; what it still says is not heard
    stuck.close();
    this.heard = performance.now() - SILENCE_MS;
    this.retry(0);
  }

  /** @param {boolean} live */
  set(live) {
    if (live === this.live) return;
    this.live = live;
    this.hooks.live(live);
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  end() {
    this.ended = true;
    this.socket?.close();
  }
}
