// Rows come in blocks, by position, for the order with the present version; see grid.py.

const ROW = 36; // px
const BLOCK = 100; // rows asked for at a time
const CACHED = 60; // blocks
const IN_FLIGHT = 2; // blocks asked for and not answered: a slow source must not work off a long queue
const TALLEST = 8_000_000; // px; browsers cut taller elements, so beyond it the scroll is scaled
const EXTRA = 6; // rows drawn above and below what is seen
const ASK_AFTER = 40; // ms; while the scroll flies past, nothing is asked,
const ASK_LATEST = 160; // ms; but not for longer than this
const TELL_AFTER = 80; // ms
const SEARCH_AFTER = 300; // ms
const WIDTHS = { text: 190, number: 110, status: 140, check: 84 };

class GridView {
  constructor(model, host) {
    this.model = model;
    this.columns = model.get("_columns");
    this.version = 0;
    this.total = 0;
    this.top = 0; // the first pixel seen, if the rows had their full height
    this.scrolled = 0; // the scroll position that belongs to it
    this.blocks = new Map(); // block -> rows; the ones used last are at the end
    this.flying = new Set();
    this.failed = new Set();
    this.rows = new Map(); // index -> element
    this.active = { row: 0, column: 0 }; // the cell that Tab comes to; row -1 is the header
    this.chosen = null; // id of the row in focus
    this.told = null; // id that Python knows of
    this.owed = false; // the row in focus has not arrived yet
    this.order = { key: null, descending: false, search: "" };
    this.build(host);
    this.stop = listen(model, { "msg:custom": (message) => this.hear(message) });
    this.watch = new ResizeObserver(() => this.goTo(this.top));
    this.watch.observe(this.scroller);
    this.say("Loading…");
    model.send({ kind: "ready" });
  }

  dispose() {
    this.stop();
    this.watch.disconnect();
    clearTimeout(this.asking);
    clearTimeout(this.telling);
    clearTimeout(this.searching);
  }

  // --- the page ---

  build(host) {
    const label = this.model.get("_label");
    this.input = make("input", {
      type: "search",
      class: "ck-input",
      "aria-label": `Search in ${label}`,
      placeholder: "Search",
      oninput: () => this.searchSoon(SEARCH_AFTER),
      onkeydown: (event) => event.key === "Enter" && this.searchSoon(0),
    });
    this.status = make("span", { class: "ck-muted", role: "status" });
    this.alert = make("div", { class: "ck-grid-alert", role: "alert" });
    this.head = make("div", { class: "ck-grid-row ck-grid-head", role: "row", "aria-rowindex": 1 });
    this.columns.forEach((column, at) => this.head.append(this.headCell(column, at)));
    this.body = make("div", { class: "ck-grid-body", role: "rowgroup" });
    this.scroller = make(
      "div",
      {
        class: "ck-grid-scroll",
        role: "grid",
        "aria-label": label,
        "aria-colcount": this.columns.length,
        "aria-rowcount": 1,
        onscroll: () => this.onScroll(),
        onkeydown: (event) => this.onKey(event),
        onfocusin: (event) => this.onEnter(event),
        onclick: (event) => this.onEnter(event),
        onchange: (event) => this.onCheck(event),
        onmouseover: (event) => this.onHover(event),
      },
      make("div", { role: "rowgroup", class: "ck-grid-top" }, this.head),
      this.body,
    );
    this.scroller.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.scroller.style.setProperty("--ck-columns", this.template());
    this.scroller.style.setProperty("--ck-width", `${this.columns.reduce((sum, c) => sum + width(c), 0)}px`);
    this.scroller.style.maxHeight = `${this.model.get("_height")}px`;
    this.empty = make("div", { class: "ck-grid-empty ck-muted", hidden: true });
    host.classList.add("ck", "ck-grid");
    host.append(
      make("div", { class: "ck-grid-bar" }, make("span", { class: "ck-grid-search" }, icon("search"), this.input), this.status),
      this.alert,
      make("div", { class: "ck-grid-frame" }, this.scroller, this.empty),
    );
    this.markActive(true);
  }

  template() {
    return this.columns
      .map((c) => (c.kind === "text" ? `minmax(${width(c)}px, ${width(c)}fr)` : `${width(c)}px`))
      .join(" ");
  }

  headCell(column, at) {
    const cell = make(
      "div",
      {
        role: "columnheader",
        class: `ck-grid-cell ck-kind-${column.kind}${column.sortable ? " ck-sortable" : ""}`,
        "aria-colindex": at + 1,
        "aria-sort": column.sortable ? "none" : null,
        tabindex: -1,
      },
      make("span", { class: "ck-grid-text" }, column.label),
    );
    if (column.sortable) cell.addEventListener("click", () => this.sortBy(column.key));
    return cell;
  }

  newRow() {
    const row = make("div", { class: "ck-grid-row", role: "row" });
    this.columns.forEach((column, at) => {
      const attributes = { role: "gridcell", class: `ck-grid-cell ck-kind-${column.kind}`, "aria-colindex": at + 1 };
      const focusable = { tabindex: -1 };
      row.append(
        column.kind === "check"
          ? make("div", attributes, make("input", { type: "checkbox", ...focusable }))
          : make("div", { ...attributes, ...focusable }),
      );
    });
    return row;
  }

  // --- drawing ---

  get seen() {
    return Math.max(0, this.scroller.clientHeight - this.head.offsetHeight);
  }

  get scale() {
    const tall = Math.min(this.total * ROW, TALLEST) - this.seen;
    return this.total * ROW > TALLEST && tall > 0 ? (this.total * ROW - this.seen) / tall : 1;
  }

  goTo(top) {
    this.top = Math.min(Math.max(0, top), Math.max(0, this.total * ROW - this.seen));
    this.scroller.scrollTop = this.top / this.scale;
    this.scrolled = this.scroller.scrollTop;
    if (this.scale === 1) this.top = this.scrolled;
    this.draw();
  }

  onScroll() {
    const now = this.scroller.scrollTop;
    if (Math.abs(now - this.scrolled) <= 1) return; // sideways, or our own
    this.scrolled = now;
    this.top = now * this.scale;
    this.draw();
  }

  onWheel(event) {
    // With a scaled scroll a turn of the wheel would leap over rows.
    if (this.scale === 1 || event.shiftKey || event.ctrlKey || !event.deltaY) return;
    const step = event.deltaMode === 1 ? ROW : event.deltaMode === 2 ? this.seen : 1;
    const before = this.top;
    this.goTo(this.top + event.deltaY * step);
    if (this.top !== before) event.preventDefault();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.top / ROW) - EXTRA);
    const last = Math.min(this.total - 1, Math.ceil((this.top + this.seen) / ROW) + EXTRA);
    const held = this.rows.get(this.active.row)?.contains(document.activeElement) ? this.active.row : -1;
    for (const [index, row] of this.rows) {
      if (index >= this.total || ((index < first || index > last) && index !== held)) {
        row.remove();
        this.rows.delete(index);
      }
    }
    if (held < 0 && this.active.row >= 0 && (this.active.row < first || this.active.row > last)) {
      this.active.row = Math.min(Math.ceil(this.top / ROW), this.total - 1);
    }
    for (let index = first; index <= last; index += 1) this.drawRow(index);
    if (held >= 0 && held < this.total) this.drawRow(held);
    this.markActive(true);
    this.askSoon();
  }

  drawRow(index) {
    let row = this.rows.get(index);
    if (!row) {
      row = this.newRow();
      row.setAttribute("aria-rowindex", index + 2);
      row.index = index;
      this.rows.set(index, row);
      this.place(row);
    }
    const offset = Math.round(index * ROW - this.top + this.scrolled);
    const limit = Math.min(this.total * ROW, TALLEST) - ROW;
    row.style.transform = `translateY(${Math.min(Math.max(offset, -ROW), limit)}px)`;
    this.fill(row, index);
  }

  place(row) {
    // In the order of the rows: a screen reader walks through the elements.
    let next = null;
    for (const other of this.body.children) {
      if (other.index > row.index) {
        next = other;
        break;
      }
    }
    this.body.insertBefore(row, next);
  }

  fill(row, index) {
    const data = this.rowAt(index);
    row.classList.toggle("ck-waiting", !data);
    // Not "disabled": that would take the focus away whenever the rows come anew.
    row.querySelector("input")?.setAttribute("aria-disabled", data ? "false" : "true");
    if (!data) {
      row.setAttribute("aria-busy", "true");
      return;
    }
    row.removeAttribute("aria-busy");
    row.setAttribute("aria-selected", data[0] === this.chosen ? "true" : "false");
    this.columns.forEach((column, at) => this.fillCell(row.children[at], column, data[at + 1], data[0]));
  }

  fillCell(cell, column, value, id) {
    if (column.kind === "check") {
      const box = cell.firstChild;
      box.checked = Boolean(value);
      if (cell.rowId !== id) box.setAttribute("aria-label", `${column.label}, row ${id}`);
      cell.rowId = id;
    } else if (cell.value !== value) {
      cell.value = value;
      if (column.kind === "status") cell.replaceChildren(statusChip(value));
      else cell.textContent = value === null ? "" : String(value);
      cell.removeAttribute("title");
    }
  }

  rowAt(index) {
    const block = Math.floor(index / BLOCK);
    return this.blocks.get(block)?.[index - block * BLOCK];
  }

  onHover(event) {
    const cell = event.target.closest?.(".ck-grid-cell");
    if (cell && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent;
  }

  // --- rows from Python ---

  askSoon() {
    clearTimeout(this.asking);
    const now = performance.now();
    this.unasked ??= now;
    this.asking = setTimeout(() => this.ask(), Math.max(0, Math.min(ASK_AFTER, this.unasked + ASK_LATEST - now)));
  }

  ask() {
    this.unasked = null;
    if (!this.total) return;
    const first = Math.floor(this.top / ROW / BLOCK);
    const last = Math.floor(Math.min(this.total - 1, (this.top + this.seen) / ROW + EXTRA) / BLOCK);
    const wanted = [];
    for (let block = first; block <= last; block += 1) wanted.push(block);
    if (this.active.row >= 0) wanted.push(Math.floor(this.active.row / BLOCK));
    for (const block of wanted) this.want(block);
  }

  want(block) {
    const rows = this.blocks.get(block);
    if (rows) {
      this.blocks.delete(block);
      this.blocks.set(block, rows);
    } else if (!this.flying.has(block) && !this.failed.has(block) && this.flying.size < IN_FLIGHT) {
      this.flying.add(block);
      this.model.send({ kind: "page", version: this.version, block, offset: block * BLOCK, limit: BLOCK });
    }
  }

  hear(message) {
    if (message.kind === "ordered" && message.version >= this.version) this.onOrdered(message);
    if (message.kind === "page" && message.version === this.version) this.onPage(message);
    if (message.kind === "failed" && message.version >= this.version) this.onFailed(message);
    if (message.kind === "checked") this.onChecked(message);
  }

  onOrdered({ version, total, key, descending, search, keep }) {
    this.version = version;
    this.total = total;
    this.order = { key, descending, search };
    this.blocks.clear();
    this.flying.clear();
    this.failed.clear();
    this.alert.replaceChildren();
    this.body.hidden = total === 0;
    this.body.style.height = `${Math.min(total * ROW, TALLEST)}px`;
    this.scroller.setAttribute("aria-rowcount", total + 1);
    this.showSort();
    const stays = keep && this.top < total * ROW;
    if (!stays && this.active.row > 0) this.active.row = 0;
    this.active.row = Math.min(this.active.row, total - 1);
    const focused = this.body.contains(document.activeElement);
    this.goTo(stays ? this.top : 0);
    if (focused) this.enter(this.active.row, this.active.column, false);
    const rows = this.model.get("_rows_label");
    this.say(`${COUNT.format(total)} ${total === 1 ? rows.replace(/s$/, "") : rows}${search ? " found" : ""}`);
    this.empty.hidden = total > 0;
    this.empty.textContent = search ? "Nothing contains these words." : "There is nothing to show.";
    clearTimeout(this.asking);
    this.ask();
  }

  onPage({ block, rows }) {
    this.flying.delete(block);
    this.blocks.set(block, rows);
    for (const old of this.blocks.keys()) {
      if (this.blocks.size <= CACHED) break;
      this.blocks.delete(old);
    }
    for (const [index, row] of this.rows) if (Math.floor(index / BLOCK) === block) this.fill(row, index);
    if (this.owed) this.tell();
    this.askSoon();
  }

  onFailed({ block }) {
    if (block !== null) {
      this.flying.delete(block);
      this.failed.add(block);
    }
    this.say("");
    this.alert.replaceChildren(
      make("span", {}, "The rows could not be loaded."),
      make("button", { type: "button", class: "ck-button", onclick: () => this.retry() }, "Try again"),
    );
  }

  retry() {
    this.alert.replaceChildren();
    this.failed.clear();
    if (this.version) this.ask();
    this.model.send({ kind: "ready" });
  }

  onChecked({ id, checked }) {
    const at = this.columns.findIndex((column) => column.kind === "check") + 1;
    for (const rows of this.blocks.values()) {
      const row = rows.find((one) => one[0] === id);
      if (row) row[at] = checked;
    }
    for (const [index, row] of this.rows) if (this.rowAt(index)?.[0] === id) this.fill(row, index);
  }

  say(text) {
    this.status.textContent = text;
  }

  // --- what the user does ---

  searchSoon(after) {
    clearTimeout(this.searching);
    this.searching = setTimeout(() => {
      const search = this.input.value.trim();
      if (search !== this.order.search) this.askOrder({ ...this.order, search });
    }, after);
  }

  sortBy(key) {
    const { key: before, descending } = this.order;
    if (before !== key) this.askOrder({ ...this.order, key, descending: false });
    else if (!descending) this.askOrder({ ...this.order, descending: true });
    else this.askOrder({ ...this.order, key: null, descending: false });
  }

  askOrder(order) {
    this.order = order;
    this.showSort();
    this.say("Loading…");
    this.model.send({ kind: "order", ...order });
  }

  showSort() {
    this.columns.forEach((column, at) => {
      if (!column.sortable) return;
      const cell = this.head.children[at];
      const sorted = this.order.key === column.key;
      const direction = this.order.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", sorted ? direction : "none");
      cell.querySelector(".ck-icon")?.remove();
      if (sorted) cell.append(icon(this.order.descending ? "down" : "up"));
    });
  }

  onCheck(event) {
    const row = event.target.closest(".ck-grid-row");
    const data = this.rowAt(row.index);
    if (!data) {
      event.target.checked = !event.target.checked; // not there yet: it would tick another row
      return;
    }
    const at = [...row.children].indexOf(event.target.parentElement);
    data[at + 1] = event.target.checked;
    this.model.send({ kind: "check", id: data[0], checked: event.target.checked });
  }

  onEnter(event) {
    const cell = event.target.closest?.(".ck-grid-cell");
    if (!cell) return;
    const row = cell.parentElement;
    this.markActive(false);
    this.active = {
      row: row === this.head ? -1 : row.index,
      column: [...row.children].indexOf(cell),
    };
    this.markActive(true);
    if (this.active.row >= 0) this.tellSoon();
  }

  tellSoon() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell(), TELL_AFTER);
  }

  tell(again = false) {
    const id = this.rowAt(this.active.row)?.[0];
    this.owed = id === undefined;
    if (this.owed) return;
    this.chosen = id;
    for (const [index, row] of this.rows) {
      row.setAttribute("aria-selected", this.rowAt(index)?.[0] === id ? "true" : "false");
    }
    if (again || id !== this.told) this.model.send({ kind: "focus", id });
    this.told = id;
  }

  onKey(event) {
    if (event.altKey || event.metaKey) return;
    const { row, column } = this.active;
    const page = Math.max(1, Math.floor(this.seen / ROW) - 1);
    const last = this.columns.length - 1;
    const to = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageUp: [Math.max(row - page, 0), column],
      PageDown: [row + page, column],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? this.total - 1 : row, last],
    }[event.key];
    if (to) this.enter(...to, true);
    else if (event.key === "Enter" || event.key === " ") {
      if (event.key === " " && event.target.type === "checkbox") return; // ticks it by itself
      this.press(row, column);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  press(row, column) {
    if (row >= 0) {
      clearTimeout(this.telling);
      this.tell(true);
    } else if (this.columns[column].sortable) this.sortBy(this.columns[column].key);
  }

  enter(row, column, reveal) {
    this.markActive(false);
    this.active = {
      row: Math.min(Math.max(row, -1), this.total - 1),
      column: Math.min(Math.max(column, 0), this.columns.length - 1),
    };
    if (reveal && this.active.row >= 0) this.reveal(this.active.row);
    this.markActive(true);
    const cell = this.activeCell();
    if (!cell) return;
    focusable(cell).focus({ preventScroll: true });
    this.revealColumn(cell);
  }

  reveal(row) {
    const above = row * ROW;
    if (above < this.top) this.goTo(above);
    else if (above + ROW > this.top + this.seen) this.goTo(above + ROW - this.seen);
    else this.draw();
    if (!this.rows.has(row)) this.drawRow(row);
  }

  revealColumn(cell) {
    const { scroller } = this;
    if (cell.offsetLeft < scroller.scrollLeft) scroller.scrollLeft = cell.offsetLeft;
    const over = cell.offsetLeft + cell.offsetWidth - scroller.clientWidth;
    if (over > scroller.scrollLeft) scroller.scrollLeft = over;
  }

  activeCell() {
    const row = this.active.row < 0 ? this.head : this.rows.get(this.active.row);
    return row?.children[this.active.column];
  }

  markActive(on) {
    if (on) for (const old of this.scroller.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
    const cell = this.activeCell();
    if (cell) focusable(cell).tabIndex = on ? 0 : -1;
  }
}

function width(column) {
  return column.width ?? WIDTHS[column.kind] ?? WIDTHS.text;
}

function focusable(cell) {
  return cell.firstElementChild?.type === "checkbox" ? cell.firstElementChild : cell;
}

export default {
  render({ model, el: host }) {
    const view = new GridView(model, host);
    return () => view.dispose();
  },
};
