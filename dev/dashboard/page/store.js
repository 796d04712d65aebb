// What the server has told, bounded as the server bounds it, and its clock.

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.run = null;
    this.limits = { relay: 200, missed: 200, blocks: 400, log: 200, slot_ms: 6000 };
    this.links = [];
    this.chain = this.clock = this.heads = this.totals = this.verdict = null;
    this.relay = new Map();
    this.missed = new Map();
    this.blocks = new Map();
    this.collators = new Map();
    this.log = new Map();
    this.time = null;
  }

  // apply takes a snapshot or an update in. It returns false for an update of another run.
  apply(picture, whole) {
    if (whole) this.clear();
    else if (picture.run !== this.run) return false;
    this.run = picture.run;
    for (const k of ['limits', 'links', 'chain', 'clock', 'heads', 'totals', 'verdict']) if (picture[k]) this[k] = picture[k];
    merge(this.relay, picture.relay, 'hash', this.limits.relay);
    merge(this.missed, picture.missed, 'slot', this.limits.missed);
    merge(this.blocks, picture.blocks, 'hash', this.limits.blocks);
    merge(this.collators, picture.collators, 'name', 1000);
    for (const l of picture.log || []) this.log.delete(l.seq); // what is said again goes to the end
    merge(this.log, picture.log, 'seq', this.limits.log);
    this.tick(picture.now_ms);
    return true;
  }

  // rate is virtual time per time of the wall clock.
  get rate() {
    const c = this.clock;
    return !c || c.paused || !c.slot_ms ? 0 : this.limits.slot_ms / c.slot_ms;
  }

  // tick sets the clock by what the server says. Small differences are the network's and are
  // taken in slowly, so that the picture does not jerk.
  tick(ms) {
    const here = this.now();
    const off = ms - here;
    const rate = this.rate;
    const jump = !this.time || this.time.rate !== rate || !rate || Math.abs(off) > Math.max(1.5 * this.limits.slot_ms, 250 * rate);
    this.time = { ms: jump ? ms : here + off * 0.3, at: performance.now(), rate, latest: ms + this.limits.slot_ms };
  }

  // now is the virtual time of this moment.
  now() {
    const t = this.time;
    return t ? Math.min(t.ms + (performance.now() - t.at) * t.rate, this.latest()) : 0;
  }

  // latest is how far the clock may go without news: every relay slot tells something.
  latest() {
    return Math.max(this.time.ms, this.time.latest);
  }

  // slotMs is when a relay slot began, in virtual time.
  slotMs(slot) {
    let last = null;
    for (const r of this.relay.values()) if (!last || r.slot > last.slot) last = r;
    return last ? last.ms - (last.slot - slot) * this.limits.slot_ms : 0;
  }

  // bestRelay and bestBlocks are the hashes of the best branches by number, as far as
  // parents are known.
  bestRelay() {
    return branch(this.relay, this.heads?.relay_best);
  }

  bestBlocks() {
    return branch(this.blocks, this.heads?.best);
  }

  // isOpen tells whether a block is neither included nor dropped. One whose end was not
  // told, since we did not listen, ended when a higher one was included.
  isOpen(b) {
    return b.stage && b.stage !== 'included' && b.stage !== 'dropped' && b.number > (this.heads?.included?.number ?? -1);
  }

  // depth is how many heights are on their way at present.
  depth() {
    return new Set([...this.blocks.values()].filter((b) => this.isOpen(b)).map((b) => b.number)).size;
  }
}

function branch(map, head) {
  const numbers = new Map();
  for (let x = head && map.get(head.hash); x && !numbers.has(x.number); x = map.get(x.parent)) numbers.set(x.number, x.hash);
  return numbers;
}

function merge(map, list, key, limit) {
  for (const x of list || []) map.set(x[key], x);
  for (const k of map.keys()) {
    if (map.size <= limit) break;
    map.delete(k);
  }
}
