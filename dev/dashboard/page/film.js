// The moving picture: relay blocks, the parachain's blocks from relay parent to inclusion,
// and the unincluded segment, over one axis of virtual time whose right end is now.
//
//            1041      1042      1043   ┊ now
//   ─────────▪─────────▪─────────▪──────┊
//            ┊ #7 ▒▒▓▓████████████●     ┊     ▒ authored  ▓ seconded  █ backed  ● included
//            ┊         ┊ #8 ▒▒▓▓████████┊
//
// The drawing stands in a strip that the browser moves by itself (an animation of
// transform); it is drawn anew when something changes or the strip runs out.

import { svg, set, text, short } from './format.js';

const TOP = 32, RELAY_ROW = 28, ROW = 28, BAR = 20, DEPTH = 44, CAPTION = 30;
const MOST_ROWS = 12;
const AHEAD = 3; // slots drawn beyond now

export class Film {
  constructor(store, nodes, onSelect) {
    this.store = store;
    this.nodes = nodes; // screen, film, captions
    this.onSelect = onSelect;
    this.selected = null;
    this.rows = new Map(); // hash -> row
    this.bars = new Map(); // hash -> parts
    this.relays = new Map();
    this.usedRows = 3;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.strip = svg('svg', { 'aria-hidden': 'false' });
    this.strip.append(svg('defs', {}, svg('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('path', { d: 'M0 0V6' }))));
    this.layers = {};
    for (const name of ['grids', 'edges', 'relays', 'missed', 'bars', 'depth']) this.strip.append((this.layers[name] = svg('g', {})));
    this.curve = svg('path', { class: 'depth' });
    this.floor = svg('path', { class: 'baseline' });
    this.layers.depth.append(this.floor, this.curve);
    nodes.film.setAttribute('role', 'group');
    nodes.film.setAttribute('aria-label', 'Blocks on their way; arrow keys go from block to block');
    nodes.film.append(this.strip);
    nodes.film.addEventListener('keydown', (e) => this.key(e));
    nodes.film.addEventListener('click', (e) => {
      const g = e.target.closest('.bar');
      this.select(g ? g.dataset.hash : null);
    });
  }

  // draw draws everything at virtual time now and sets the strip moving.
  draw(now) {
    const { store, nodes } = this;
    const slot = store.limits.slot_ms;
    const width = nodes.film.clientWidth;
    if (!width) return;
    // However fast the clock, the strip moves at a speed that an eye can follow.
    const wide = width < 560 ? 76 : 112;
    this.slotPx = store.clock?.slot_ms ? Math.max(9, Math.min(wide, (store.clock.slot_ms / 1000) * 100)) : wide;
    this.k = this.slotPx / slot;
    this.origin = Math.floor(now / slot) * slot;
    this.x = (t) => Math.round(((t - this.origin) * this.k + width) * 10) / 10;
    this.from = this.origin - width / this.k - 2 * slot;
    this.until = this.origin + AHEAD * slot;

    const relayRows = this.drawRelay();
    const top = TOP + relayRows * RELAY_ROW + CAPTION;
    const blocks = [...store.blocks.values()].filter((b) => b.stage && this.end(b) > this.from);
    this.place(blocks);
    const rowHeight = this.usedRows > 8 ? 18 : ROW;
    this.drawBars(blocks, top, rowHeight);
    const base = top + this.usedRows * rowHeight + CAPTION + DEPTH;
    this.drawDepth(base);
    this.drawGrid(base);

    set(this.strip, { width: width + (AHEAD + 1) * this.slotPx, height: base + 14 });
    nodes.screen.style.height = base + 14 + 'px';
    nodes.captions.blocks.style.top = top - CAPTION + 4 + 'px';
    nodes.captions.depth.style.top = base - DEPTH - CAPTION + 6 + 'px';
    nodes.captions.relay.style.top = '1px';
    this.move(now);
  }

  // move lets the strip slide from where it has to be now.
  move(now) {
    if (!this.k) return; // not drawn yet
    const at = (t) => `translateX(${-(t - this.origin) * this.k}px)`;
    this.motion?.cancel();
    this.motion = null;
    this.strip.style.transform = at(now);
    const rate = this.store.rate;
    if (!rate || this.calm.matches || this.held) return;
    const until = this.store.latest();
    if (until <= now) return;
    this.motion = this.strip.animate([{ transform: at(now) }, { transform: at(until) }], { duration: (until - now) / rate, fill: 'forwards' });
  }

  // hold stops the strip where it is.
  hold(on, now) {
    this.held = on;
    this.move(now);
  }

  drawRelay() {
    const { store, layers } = this;
    const best = store.bestRelay();
    const head = store.heads?.relay_best?.hash;
    const final = store.heads?.relay_finalized?.number ?? -1;
    const every = [1, 2, 5, 10, 20].find((n) => n * this.slotPx >= 56) || 50;
    const seen = new Set();
    const away = new Map(); // number -> how many beside the best branch
    const at = new Map();
    let rows = 1;
    for (const r of store.relay.values()) {
      if (!r.number || r.ms < this.from) continue;
      const on = (best.get(r.number) ?? r.hash) === r.hash;
      let row = 0;
      if (!on) {
        row = (away.get(r.number) || 0) + 1;
        away.set(r.number, row);
        rows = Math.max(rows, Math.min(row, 3) + 1);
      }
      at.set(r.hash, { x: this.x(r.ms), y: TOP + Math.min(row, 3) * RELAY_ROW + 10, r, on });
    }
    const edges = [], leftEdges = [];
    for (const [hash, p] of at) {
      const parent = at.get(p.r.parent);
      if (parent) (p.on ? edges : leftEdges).push(parent.y === p.y ? `M${parent.x} ${p.y}H${p.x}` : `M${parent.x} ${parent.y}C${(parent.x + p.x) / 2} ${parent.y} ${(parent.x + p.x) / 2} ${p.y} ${p.x} ${p.y}`);
      seen.add(hash);
      let g = this.relays.get(hash);
      if (!g) {
        g = svg('g', {}, svg('rect', { rx: 4 }), svg('text', {}), svg('title', {}));
        this.relays.set(hash, g);
        layers.relays.append(g);
      }
      const labelled = p.r.number % every === 0;
      const w = every > 1 ? Math.max(3, Math.min(12, this.slotPx - 5)) : String(p.r.number).length * 7.4 + 12;
      const h = every > 1 ? 12 : 20;
      set(g, { class: 'relay' + (p.on ? (p.r.number <= final ? ' final' : '') : ' left') + (hash === head ? ' best' : ''), transform: `translate(${p.x} ${p.y})` });
      set(g.children[0], { x: -w / 2, y: -h / 2, width: w, height: h });
      set(g.children[1], { y: every > 1 ? -11 : 4 });
      text(g.children[1], labelled ? String(p.r.number) : '');
      g.children[1].classList.toggle('out', every > 1);
      text(g.children[2], `Relay block #${p.r.number} ${short(hash)}, by validator ${p.r.author}, backs ${p.r.backed}` + (p.on ? (p.r.number <= final ? ', final' : '') : ', on a branch that was left'));
    }
    for (const [hash, g] of this.relays) {
      if (!seen.has(hash)) {
        g.remove();
        this.relays.delete(hash);
      }
    }
    layers.edges.replaceChildren(svg('path', { class: 'edge', d: edges.join('') || 'M0 0' }), svg('path', { class: 'edge left', d: leftEdges.join('') || 'M0 0' }));
    layers.missed.replaceChildren(
      ...[...store.missed.values()]
        .map((m) => ({ m, ms: store.slotMs(m.slot) }))
        .filter(({ ms }) => ms > this.from)
        .map(({ m, ms }) => svg('g', { class: 'missed', transform: `translate(${this.x(ms)} ${TOP + 10})` }, svg('circle', { r: Math.min(6, this.slotPx / 3) }), svg('title', {}, `Slot ${m.slot}: ${m.why}`))),
    );
    this.at = at;
    return rows;
  }

  drawGrid(base) {
    const d = [...this.at.values()].filter((p) => p.on).map((p) => `M${p.x} ${p.y + 10}V${base}`);
    this.layers.grids.replaceChildren(svg('path', { class: 'grid', d: d.join('') || 'M0 0' }));
  }

  // start and end are the virtual times between which a block is drawn.
  start(b) {
    const a = b.at.authored ?? b.at.advertised ?? b.at.backed ?? this.store.now();
    return Math.min(a, this.parents?.get(b.relay_parent) ?? a - this.store.limits.slot_ms / 2);
  }

  end(b) {
    const told = b.at.dropped ?? b.at.included;
    if (told != null) return told;
    return this.store.isOpen(b) ? Infinity : Math.max(...Object.values(b.at)) + this.store.limits.slot_ms;
  }

  // place gives each block the first row that is free from its start on, and leaves it there.
  place(blocks) {
    this.parents = new Map();
    for (const p of this.at.values()) if (p.on || !this.parents.has(p.r.number)) this.parents.set(p.r.number, p.r.ms);
    for (const hash of this.rows.keys()) if (!this.store.blocks.has(hash)) this.rows.delete(hash);
    const gap = 14 / this.k;
    const ends = []; // by row, of what is placed so far
    for (const b of blocks) {
      const from = this.start(b);
      const free = (row) => (ends[row] ?? -Infinity) + gap <= from;
      let row = this.rows.get(b.hash);
      // A relay fork may have moved the end of the one before.
      if (row == null || !free(row)) for (row = 0; row < MOST_ROWS - 1 && !free(row); row++);
      this.rows.set(b.hash, row);
      ends[row] = Math.max(ends[row] ?? -Infinity, this.end(b));
    }
    const used = blocks.length ? Math.max(...blocks.map((b) => this.rows.get(b.hash))) + 1 : 1;
    const at = performance.now();
    // The picture grows at once, and shrinks only after a while.
    if (used >= this.usedRows || at - this.grown > 20000) {
      this.usedRows = Math.max(3, used);
      this.grown = at;
    }
  }

  drawBars(blocks, top, rowHeight) {
    const small = this.slotPx < 44;
    const h = rowHeight > 20 ? BAR : 13;
    const newest = blocks.at(-1)?.hash;
    const onBest = this.store.bestBlocks();
    for (const b of blocks) {
      let p = this.bars.get(b.hash);
      if (!p) this.bars.set(b.hash, (p = this.newBar(b.hash)));
      const y = top + this.rows.get(b.hash) * rowHeight + (rowHeight - h) / 2;
      const open = this.until;
      const end = Math.min(this.end(b), open);
      const a = Math.min(b.at.authored ?? this.start(b), end);
      const s = Math.min(b.at.seconded ?? b.at.backable ?? b.at.backed ?? end, end);
      const k = Math.min(b.at.backed ?? end, end);
      const [x0, x1, x2, x3, x4] = [this.start(b), a, Math.max(s, a), Math.max(k, s), end].map(this.x);
      const away = onBest.has(b.number) && onBest.get(b.number) !== b.hash;
      set(p.g, {
        class: `bar ${b.stage}` + (away ? ' away' : ''),
        'aria-label': `Block ${b.number} by ${b.collator}, ${b.stage}`,
        'aria-pressed': b.hash === this.selected,
        tabindex: b.hash === (this.bars.has(this.selected) ? this.selected : newest) ? 0 : -1,
      });
      set(p.line, { d: small ? 'M0 0' : `M${x0 - 2} ${y + h / 2}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0H${x1}` });
      const box = (e, from, to) => set(e, { x: from, y, width: Math.max(0, to - from), height: h });
      box(p.s1, x1, x2);
      box(p.s2, x2, x3);
      box(p.s3, x3, x4);
      box(p.hatch, x1, b.stage === 'dropped' ? x4 : x1);
      box(p.frame, x1, x4);
      box(p.hit, x0, Math.max(x4, x0 + 12));
      set(p.ring, { x: x1 - 2, y: y - 2, width: Math.max(4, x4 - x1 + 4), height: h + 4, rx: 4 });
      const mid = y + h / 2;
      const r = this.slotPx < 20 ? 2.5 : small ? 4 : 6;
      set(p.end, { d: b.stage === 'included' ? `M${x4 - r} ${mid}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0` : b.stage === 'dropped' ? `M${x4 - 4} ${mid - 4}l8 8m0 -8l-8 8` : 'M0 0' });
      set(p.label, { x: x1 - 5, y: mid + 4 });
      text(p.label, small ? '' : '#' + b.number);
      set(p.who, { x: x3 + 8, y: mid + 4 });
      text(p.who, !small && rowHeight > 20 && x4 - x3 - r > b.collator.length * 7.5 + 14 && b.at.backed ? b.collator : '');
    }
    const seen = new Set(blocks.map((b) => b.hash));
    for (const [hash, p] of this.bars) {
      if (!seen.has(hash)) {
        p.g.remove();
        this.bars.delete(hash);
      }
    }
  }

  newBar(hash) {
    const g = svg('g', { role: 'button', tabindex: -1 });
    g.dataset.hash = hash;
    const rect = (c) => svg('rect', { class: c });
    const p = { g, line: svg('path', { class: 'lead-line' }), s1: rect('s1'), s2: rect('s2'), s3: rect('s3'), hatch: rect('hatch'), frame: rect('frame'), end: svg('path', { class: 'end' }), label: svg('text', { class: 'label' }), who: svg('text', { class: 'who' }), ring: rect('ring'), hit: rect('hit') };
    g.append(p.line, p.s1, p.s2, p.s3, p.hatch, p.frame, p.end, p.label, p.who, p.ring, p.hit);
    this.layers.bars.append(g);
    return p;
  }

  // drawDepth draws how many heights were authored and neither included nor dropped, over time.
  drawDepth(base) {
    const steps = [];
    for (const b of this.store.blocks.values()) {
      if (b.at.authored == null) continue;
      steps.push([b.at.authored, b.number, 1]);
      if (this.end(b) < Infinity) steps.push([this.end(b), b.number, -1]);
    }
    steps.sort((a, b) => a[0] - b[0] || a[2] - b[2]);
    const open = new Map();
    const points = [];
    for (const [t, n, d] of steps) {
      const left = (open.get(n) || 0) + d;
      left > 0 ? open.set(n, left) : open.delete(n);
      points.push([t, open.size]);
    }
    const most = Math.max(2, ...points.map((p) => p[1]));
    const y = (n) => base - (n / most) * DEPTH;
    let d = `M${this.x(this.from)} ${base}`, last = 0;
    for (const [t, n] of points) {
      if (t < this.from) {
        last = n;
        continue;
      }
      d += `V${y(last)}H${this.x(t)}V${y(n)}`;
      last = n;
    }
    d += `V${y(last)}H${this.x(this.until)}V${base}Z`;
    set(this.curve, { d });
    set(this.floor, { d: `M${this.x(this.from)} ${base}H${this.x(this.until)}` });
  }

  select(hash, focus) {
    this.selected = hash;
    for (const [h, p] of this.bars) {
      set(p.g, { 'aria-pressed': h === hash });
      if (hash) set(p.g, { tabindex: h === hash ? 0 : -1 });
    }
    if (focus) this.bars.get(hash)?.g.focus({ preventScroll: true });
    this.onSelect(hash);
  }

  key(e) {
    const order = [...this.store.blocks.keys()].filter((h) => this.bars.has(h));
    const here = order.indexOf(document.activeElement?.dataset?.hash ?? this.selected);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: order.length - 1, Enter: here, ' ': here }[e.key];
    if (e.key === 'Escape') return this.select(null);
    if (to == null || !order[to]) return;
    e.preventDefault();
    this.select(order[to], true);
  }
}
