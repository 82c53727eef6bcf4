// Dark for rooms without windows, sunlight for desks at the lane. Remembered by this browser.

const KEPT = 'portside.theme';
const THEMES = ['dark', 'sunlight'];

export function theme() {
  const kept = localStorage.getItem(KEPT);
  return kept !== null && THEMES.includes(kept) ? kept : 'dark';
}

/** @param {string} chosen */
export function setTheme(chosen) {
  localStorage.setItem(KEPT, chosen);
  document.documentElement.dataset.theme = chosen;
  dispatchEvent(new CustomEvent('theme'));
}

document.documentElement.dataset.theme = theme();
