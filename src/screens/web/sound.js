// Two sounds: a picture has begun, and something is wrong. Browsers allow neither before the first touch or key.

const KEPT = 'portside.mute';

/** Notes: frequency in Hz, start and length in seconds. @type {Record<string, [number, number, number][]>} */
const TUNES = {
  image: [[660, 0, 0.07]],
  alarm: [[880, 0, 0.16], [620, 0.2, 0.16], [880, 0.4, 0.16], [620, 0.6, 0.2]],
};

export class Sound {
  constructor() {
    this.muted = localStorage.getItem(KEPT) === '1';
    /** @type {AudioContext | null} */
    this.context = null;
    const wake = () => {
      this.context ??= new AudioContext();
      if (this.context.state === 'suspended') this.context.resume();
    };
    for (const first of ['pointerdown', 'keydown']) addEventListener(first, wake, { capture: true });
  }

  toggle() {
    this.muted = !this.muted;
    localStorage.setItem(KEPT, this.muted ? '1' : '0');
  }

  /** @param {'image'|'alarm'} name */
  play(name) {
    const { context } = this;
    if (this.muted || !context || context.state !== 'running') return;
    for (const [hertz, start, length] of TUNES[name]) {
      const [oscillator, gain] = [context.createOscillator(), context.createGain()];
      const from = context.currentTime + start;
      oscillator.type = name === 'alarm' ? 'triangle' : 'sine';
      oscillator.frequency.value = hertz;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(name === 'alarm' ? 0.35 : 0.12, from + 0.01); // without a ramp it clicks
      gain.gain.linearRampToValueAtTime(0, from + length);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(from + length);
    }
  }
}
