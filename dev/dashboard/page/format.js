// Numbers and names as people read them.

export const number = (n) => (n == null ? '–' : '#' + n);

export function bytes(n) {
  if (!n) return '–';
  if (n < 1024) return n + ' B';
  if (n < 1024 * 1024) return (n / 1024).toFixed(1) + ' KiB';
  return (n / 1024 / 1024).toFixed(n < 100 * 1024 * 1024 ? 1 : 0).replace(/\.0$/, '') + ' MiB';
}

// refTime: picoseconds.
export function refTime(ps) {
  if (!ps) return '–';
  const ms = ps / 1e9;
  return ms < 10 ? ms.toFixed(1) + ' ms' : ms < 1000 ? ms.toFixed(0) + ' ms' : (ms / 1000).toFixed(2).replace(/0$/, '') + ' s';
}

export function percent(part, whole) {
  const p = (100 * part) / whole;
  return (p > 0 && p < 0.1 ? '< 0.1' : p < 10 ? p.toFixed(1) : p.toFixed(0)) + ' %';
}

export function seconds(ms) {
  const s = ms / 1000;
  return s < 120 ? s.toFixed(1) + ' s' : s < 7200 ? (s / 60).toFixed(0) + ' min' : s < 172800 ? (s / 3600).toFixed(1) + ' h' : (s / 86400).toFixed(1) + ' days';
}

// span: ms of the wall clock.
export function span(ms) {
  return ms < 1000 ? Math.round(ms) + ' ms' : (ms / 1000).toFixed(1).replace(/\.0$/, '') + ' s';
}

// clock: virtual time since the start of the run.
export function clock(ms) {
  const s = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600);
  return (h ? h + ':' + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ':' + two(s % 60);
}

export const short = (hash) => hash.slice(0, 8) + '…' + hash.slice(-4);

// el makes an element; text always goes in as text.
export function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) if (v != null) e.setAttribute(k, v);
  e.append(...children.filter((c) => c != null));
  return e;
}

export function svg(name, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [k, v] of Object.entries(attributes || {})) if (v != null) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// set changes what is different, so that nothing is laid out anew without need.
export function set(e, attributes) {
  for (const [k, v] of Object.entries(attributes)) {
    const s = String(v);
    if (e.getAttribute(k) !== s) e.setAttribute(k, s);
  }
}

export function text(e, s) {
  if (e.textContent !== s) e.textContent = s;
}
