// Small charts of one figure per block: columns up to now, a line for what is expected.

import { el, svg, text } from './format.js';

const HEIGHT = 92;

export class Chart {
  // unit turns a value into words.
  constructor(figure, title, unit) {
    this.unit = unit;
    this.value = el('span', {});
    this.canvas = svg('svg', { role: 'img', tabindex: 0 });
    this.spot = el('p', {});
    this.meter = el('i', {});
    this.track = el('div', { class: 'meter', hidden: '' }, this.meter);
    this.title = title;
    figure.append(el('figcaption', {}, el('b', {}, title), this.value), this.canvas, this.track, this.spot);
    this.figure = figure;
    this.points = [];
    this.canvas.addEventListener('pointermove', (e) => this.point(Math.floor((e.clientX - this.canvas.getBoundingClientRect().left - this.left) / this.step)));
    this.canvas.addEventListener('pointerleave', () => this.point(-1));
    this.canvas.addEventListener('blur', () => this.point(-1));
    this.canvas.addEventListener('keydown', (e) => {
      const at = this.index < 0 ? this.points.length : this.index;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.points.length - 1 }[e.key];
      if (to == null) return;
      e.preventDefault();
      this.point(Math.max(0, Math.min(this.points.length - 1, to)));
    });
    this.index = -1;
  }

  // draw shows points {value, name, high}, the newest last. summary stands beside the title;
  // columns of more than four times the usual value are cut; line draws that value as a line;
  // share, of a limit, is shown as a meter with the words foot.
  draw(points, { summary, usual, line, share, foot }) {
    const width = this.figure.clientWidth;
    this.step = 7;
    this.points = points.slice(-Math.floor(width / this.step));
    this.left = width - this.points.length * this.step;
    this.foot = foot || '';
    text(this.value, summary);
    this.canvas.setAttribute('aria-label', `${this.title}: ${summary}`);
    const cut = usual ? 4 * usual : Infinity;
    const most = Math.min(cut, Math.max(line && usual ? usual * 1.15 : 0, ...this.points.map((p) => p.value))) || 1;
    const y = (v) => HEIGHT - (Math.min(v, most) / most) * HEIGHT;
    const parts = this.points.map((p, i) => svg('rect', { class: 'col' + (p.high ? ' high' : ''), x: this.left + i * this.step, y: y(p.value), width: this.step - 2, height: Math.max(1, HEIGHT - y(p.value)), rx: 1 }));
    parts.push(svg('path', { class: 'axis', d: `M0 ${HEIGHT}H${width}` }));
    this.points.forEach((p, i) => p.value > most && parts.push(svg('path', { class: 'cut', d: `M${this.left + i * this.step - 1} 10l${this.step} -4` })));
    if (line && usual) parts.push(svg('path', { class: 'ref', d: `M0 ${y(usual)}H${width}` }));
    this.canvas.replaceChildren(...parts);
    this.track.hidden = share == null;
    if (share != null) this.meter.style.width = Math.min(100, share * 100) + '%';
    this.point(this.index);
  }

  point(i) {
    this.index = i >= 0 && i < this.points.length ? i : -1;
    const p = this.points[this.index];
    this.canvas.querySelector('.spot')?.classList.remove('spot');
    if (p) this.canvas.children[this.index].classList.add('spot');
    text(this.spot, p ? `${p.name}: ${this.unit(p.value)}` : this.foot);
  }
}
