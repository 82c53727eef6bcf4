//! What eyes would find wrong with a page at once: controls over each other or beside the window, texts cut off.

use super::Browser;

/// Every control that can be seen, and every text that is cut off.
const LOOK: &str = r#"
const faults = [];
const name = e => `${e.tagName.toLowerCase()}#${e.id}.${e.className} "${(e.innerText || e.ariaLabel || '').trim().slice(0, 30)}"`;
const seen = e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true });
const box = e => e.getBoundingClientRect();
const scrolls = e => { for (let p = e.parentElement; p; p = p.parentElement) {
    const style = getComputedStyle(p); if (/auto|scroll/.test(style.overflowX + style.overflowY)) return p; } return null; };
// What a dialog covers is out of use until the dialog is closed.
const page = document.querySelector('dialog:modal') ?? document;
const controls = [...page.querySelectorAll('button, input, select, textarea, a[href], summary, [role=button]')]
    .filter(e => seen(e) && box(e).width > 0 && box(e).height > 0)
    // A link for the keyboard that jumps over a part of the page: above the window until it has the focus.
    .filter(e => !(e.matches('a.skip') && e !== document.activeElement && box(e).bottom <= 0));
for (const e of controls) {
    const r = box(e), holder = scrolls(e);
    const limit = holder ? box(holder) : { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    if (!holder && (r.left < -1 || r.top < -1 || r.right > limit.right + 1 || r.bottom > limit.bottom + 1))
        faults.push(`outside of the window: ${name(e)} at ${[r.left, r.top, r.right, r.bottom].map(Math.round)}`);
    const x = (r.left + r.right) / 2, y = (r.top + r.bottom) / 2;
    if (x > limit.left && x < limit.right && y > limit.top && y < limit.bottom && x < innerWidth && y < innerHeight) {
        const top = document.elementFromPoint(x, y);
        if (top && !e.contains(top) && !top.contains(e) && !(e.labels && [...e.labels].some(l => l.contains(top))))
            faults.push(`${name(e)} lies under ${name(top)}`);
    }
}
for (let i = 0; i < controls.length; i++) for (let j = i + 1; j < controls.length; j++) {
    const a = controls[i], b = controls[j];
    if (a.contains(b) || b.contains(a)) continue;
    const p = box(a), q = box(b);
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left), high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 1 && scrolls(a) === scrolls(b)) faults.push(`${name(a)} and ${name(b)} overlap by ${Math.round(wide)}x${Math.round(high)}`);
}
for (const e of document.querySelectorAll('body *')) {
    if (!seen(e) || !e.childNodes.length || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e);
    if (style.clipPath !== 'none' || (e.clientWidth <= 1 && e.clientHeight <= 1)) continue;
    if (/hidden|clip/.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1 && style.textOverflow !== 'ellipsis')
        faults.push(`cut off: ${name(e)}, ${e.scrollWidth} of ${e.clientWidth} px`);
}
if (document.documentElement.scrollWidth > innerWidth + 1) faults.push(`the page is wider than the window: ${document.documentElement.scrollWidth}`);
return faults;
"#;

impl Browser {
    /// Controls lie in the window and beside each other, and no text is cut off.
    pub fn is_laid_out(&self) {
        let faults = self.misplaced();
        assert!(faults.is_empty(), "{} at {}:\n{}", self.name, self.address(), faults.join("\n"));
    }

    /// What lies where it should not, or is cut off.
    pub fn misplaced(&self) -> Vec<String> {
        let faults = self.run(LOOK, &[]);
        faults.as_array().unwrap().iter().filter_map(|fault| fault.as_str().map(str::to_owned)).collect()
    }
}
