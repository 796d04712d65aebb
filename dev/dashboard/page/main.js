import { Store } from './store.js';
import { follow } from './stream.js';
import { Film } from './film.js';
import { Chart } from './charts.js';
import { bytes, clock, el, number, percent, refTime, seconds, set, short, span, text } from './format.js';

const $ = (id) => document.getElementById(id);
const store = new Store();
const film = new Film(store, { screen: $('screen'), film: $('film'), captions: { relay: $('c-relay'), blocks: $('c-blocks'), depth: $('c-depth') } }, showDetail);
const charts = {
  interval: new Chart($('chart-interval'), 'Time between blocks', seconds),
  pov: new Chart($('chart-pov'), 'Proof of validity', bytes),
  weight: new Chart($('chart-weight'), 'Weight', refTime),
};
let held = false, lostAt = 0;
const still = () => held || lostAt > 0;

// ---- drawing: the picture at once, figures and lists four times a second at most

const FIGURES_EVERY = 250;
let asked = false, figuresAt = 0, figuresLater = 0, drawnAt = 0;

function changed() {
  if (asked || still()) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

function draw() {
  if (still()) return;
  const calmly = film.calm.matches && performance.now() - drawnAt < 1000;
  if (!calmly) {
    drawnAt = performance.now();
    film.draw(store.now());
  }
  $('empty').hidden = store.relay.size > 0;
  const wait = figuresAt + FIGURES_EVERY - performance.now();
  clearTimeout(figuresLater);
  if (wait <= 0) figures();
  else figuresLater = setTimeout(() => still() || figures(), wait);
}

// The strip reaches some slots beyond now; it must not run out.
setInterval(() => {
  const rate = store.rate;
  if (!still() && !document.hidden && rate && performance.now() - drawnAt > Math.min(2000, store.clock.slot_ms)) changed();
}, 500);
new ResizeObserver(() => changed()).observe($('screen'));
matchMedia('(prefers-reduced-motion: reduce)').addEventListener('change', changed);

function figures() {
  figuresAt = performance.now();
  const { heads, totals, chain, verdict } = store;
  if (!heads) return;
  const dot = ' · ';
  text($('chain'), chain.name ? [chain.name, 'para ' + chain.para, 'spec ' + chain.spec_version, chain.collator].join(dot) : '');
  document.title = (heads.best ? number(heads.best.number) + dot : '') + (chain.name || 'Pileus') + dot + 'Pileus';
  text($('verdict'), verdict.text);
  set($('verdict'), { 'data-tone': verdict.tone });
  text($('more'), verdict.more || '');
  const pair = (id, main, small) => $(id).replaceChildren(main, ...(small ? [' ', el('small', {}, small)] : []));
  text($('f-best'), number(heads.best?.number));
  text($('f-included'), number(heads.included?.number));
  text($('f-finalized'), number(heads.finalized?.number));
  text($('f-relay'), number(heads.relay_best?.number));
  text($('f-relay-final'), number(heads.relay_finalized?.number));
  text($('f-depth'), String(store.depth()));
  text($('c-depth'), 'Unincluded segment' + dot + store.depth());
  pair('f-dropped', String(totals.dropped), 'of ' + totals.authored);
  pair('f-pool', String(totals.ready), totals.future ? 'ready, ' + totals.future + ' future' : 'ready');
  showClock();
  showCharts();
  showCollators();
  showLog();
  showBlocks();
  showDetail(film.selected);
  const links = JSON.stringify(store.links);
  if (links !== showLinks.last) showLinks(links);
}

function showClock() {
  const c = store.clock;
  const modes = { manual: 'Blocks on demand', instant: 'A block per transaction' };
  const rate = store.limits.slot_ms / c.slot_ms;
  const words = c.paused ? 'Paused' : modes[c.mode] || span(c.slot_ms) + ' slots' + (Math.abs(rate - 1) < 0.01 ? '' : ' · ' + +rate.toPrecision(3) + '×');
  $('clock').hidden = false;
  text($('clock'), words);
  if (c.paused) set($('clock'), { 'data-tone': 'warn' });
  else $('clock').removeAttribute('data-tone');
}

function showCharts() {
  const list = [...store.blocks.values()];
  const included = list.filter((b) => b.at.included != null).sort((a, b) => a.number - b.number);
  const gaps = [];
  for (let i = 1; i < included.length; i++) {
    // Blocks of one candidate, or of candidates in one relay block, share their time.
    const ms = included[i].at.included - included[i - 1].at.included;
    if (ms > 0) {
      let n = 1;
      while (included[i + n] && included[i + n].at.included === included[i].at.included) n++;
      for (let j = 0; j < n; j++) gaps.push({ value: ms / n, name: 'Block #' + included[i + j].number });
    }
  }
  const median = middle(gaps);
  for (const g of gaps) g.high = g.value > 1.5 * median;
  charts.interval.draw(gaps, { summary: gaps.length ? 'median ' + seconds(median) : 'none yet', usual: median, line: true, foot: gaps.length ? `longest of ${gaps.length}: ${seconds(Math.max(...gaps.map((g) => g.value)))}` : '' });

  const povs = list.filter((b) => b.pov_bytes).map((b) => ({ value: b.pov_bytes, name: 'Block #' + b.number, limit: b.pov_limit }));
  limited(charts.pov, povs, bytes, povs.at(-1)?.limit);
  const weights = list.filter((b) => b.weight.ref_time).map((b) => ({ value: b.weight.ref_time, name: 'Block #' + b.number }));
  limited(charts.weight, weights, refTime, store.chain.weight_limit.ref_time);
}

function middle(points) {
  const sorted = points.map((p) => p.value).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function limited(chart, points, unit, limit) {
  if (!points.length) return chart.draw([], { summary: 'none yet' });
  const most = Math.max(...points.map((p) => p.value));
  chart.draw(points, {
    summary: unit(points.at(-1).value),
    usual: middle(points),
    share: limit ? most / limit : null,
    foot: limit ? `largest ${unit(most)}, ${percent(most, limit)} of ${unit(limit)}` : `largest ${unit(most)}`,
  });
}

function showCollators() {
  const list = [...store.collators.values()];
  const most = Math.max(1, ...list.map((c) => c.included));
  $('collators').replaceChildren(
    ...list.map((c) => {
      const share = el('i', { class: 'share' });
      share.style.width = (100 * c.included) / most + '%';
      const cell = (v) => el('td', { class: 'n' }, String(v));
      return el('tr', {}, el('td', {}, c.name, share), cell(c.authored), cell(c.included), cell(c.dropped));
    }),
  );
}

const lines = new Map(); // seq -> li

function showLog() {
  $('log-empty').hidden = store.log.size > 0;
  if (showLog.run !== store.run) { // another run counts its lines anew
    showLog.run = store.run;
    lines.clear();
    $('log').replaceChildren();
  }
  for (const [seq, li] of lines) {
    if (!store.log.has(seq)) {
      li.remove();
      lines.delete(seq);
    }
  }
  for (const l of store.log.values()) {
    let li = lines.get(l.seq);
    if (!li) {
      li = el('li', { 'data-tone': l.tone }, el('time', {}), el('span', { class: 't' }), el('span', { class: 'count' }), el('span', { class: 'more' }));
      lines.set(l.seq, li);
    }
    const [time, words, count, more] = li.children;
    if (count.dataset.n !== String(l.count)) {
      count.dataset.n = l.count;
      $('log').prepend(li);
    }
    text(time, clock(l.ms));
    text(words, l.text);
    text(count, l.count > 1 ? '× ' + l.count : '');
    text(more, l.more || '');
    more.hidden = !l.more;
  }
}

function showBlocks() {
  const list = [...store.blocks.values()].filter((b) => b.stage).slice(-12).reverse();
  const rows = $('blocks');
  while (rows.children.length > list.length) rows.lastChild.remove();
  list.forEach((b, i) => {
    let tr = rows.children[i];
    if (!tr) {
      tr = el('tr', {}, ...[0, 0, 0, 2, 1, 1, 2, 1, 1].map((n) => el('td', { class: n === 2 ? 'n wide' : n ? 'n' : null })));
      tr.firstChild.append(el('span', {}));
      tr.children[1].append(el('span', {}));
      tr.addEventListener('click', () => film.select(tr.dataset.hash));
      rows.append(tr);
    }
    tr.dataset.hash = b.hash;
    set(tr.children[1].firstChild, { class: 'tag ' + b.stage });
    text(tr.children[1].firstChild, b.stage);
    const cells = [, , b.collator, b.relay_parent || '–', b.backed_in || '–', b.included_in || '–', b.extrinsics, bytes(b.pov_bytes), refTime(b.weight.ref_time)];
    text(tr.children[0].firstChild, number(b.number));
    for (let c = 2; c < cells.length; c++) text(tr.children[c], String(cells[c]));
  });
}

let detailed = '';

function showDetail(hash) {
  const b = hash && store.blocks.get(hash);
  const key = b ? JSON.stringify(b) : '';
  if (key === detailed && $('detail').firstChild) return;
  detailed = key;
  if (!b) return $('detail').replaceChildren('Choose a block to see its way: click it, or go there with the arrow keys.');
  const rp = [...store.relay.values()].find((r) => r.number === b.relay_parent);
  const after = (stage) => (b.at[stage] == null ? null : rp ? ' +' + seconds(b.at[stage] - rp.ms) : ' at ' + clock(b.at[stage]));
  const step = (stage, words, colour) => (b.at[stage] == null ? null : el('li', { class: 'w-' + (colour || stage) }, words + after(stage)));
  $('detail').replaceChildren(
    el('div', {}, el('b', {}, `Block ${number(b.number)} by ${b.collator}`), ` on relay block ${number(b.relay_parent)} · `, el('code', { title: b.hash }, short(b.hash))),
    el('ul', { class: 'way' },
      step('authored', 'authored'),
      step('advertised', 'advertised', 'authored'),
      step('seconded', 'seconded' + (b.votes ? ` by ${b.votes.length}` : '')),
      step('backable', 'backable', 'seconded'),
      step('backed', `backed in ${number(b.backed_in)}`),
      step('included', `included in ${number(b.included_in)}`),
      step('dropped', 'dropped'),
      el('li', {}, `PoV ${bytes(b.pov_bytes)}`),
      el('li', {}, `${b.extrinsics} extrinsics`),
      el('li', {}, `segment ${b.segment}`)),
    b.why ? el('div', {}, b.why) : '',
  );
}

function showLinks(links) {
  showLinks.last = links;
  $('links').replaceChildren(...store.links.map((l) => el('li', {}, l.name + ' ', /^https?:/.test(l.url) ? el('a', { href: l.url }, el('code', {}, l.url)) : el('code', {}, l.url))));
}

// ---- the connection

// showLast draws what was told last, and stops.
function showLast() {
  film.held = true;
  film.draw(store.now());
  figures();
}

function connection(state) {
  const words = { live: ['good', 'Live'], lost: ['warn', 'Reconnecting'], refused: ['bad', 'Not connected'] }[state];
  set($('link'), { 'data-tone': words[0] });
  text($('link'), words[1]);
  if (state === 'live') {
    lostAt = 0;
    $('notice').hidden = true;
    return;
  }
  if (!lostAt) {
    lostAt = Date.now();
    if (store.run) showLast();
  }
  const since = new Date(lostAt).toLocaleTimeString();
  text($('notice'), store.run
    ? `No connection to the network since ${since}. The picture shows the state of then; it goes on by itself when pileus answers again.`
    : 'No answer from pileus yet; trying again.');
  $('notice').hidden = false;
}

$('hold').addEventListener('click', () => {
  held = !held;
  set($('hold'), { 'aria-pressed': held });
  film.hold(held, store.now());
  if (!held) draw();
});

showDetail(null);
follow(store, () => {
  if (!lostAt && film.held !== held) film.hold(held, store.now());
  changed();
}, connection);
