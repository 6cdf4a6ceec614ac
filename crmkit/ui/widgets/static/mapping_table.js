const HIGH = 0.85;
const MEDIUM = 0.6;
const SHOWS = { all: "All", unmapped: "Unmapped", uncertain: "Uncertain" };
const HEADS = ["Column of the file", "Sample values", "CRM field", "Suggestion"];

class MappingView {
  constructor(model, host) {
    this.model = model;
    this.show = "all";
    this.build(host);
    this.rebuild();
    this.stop = listen(model, {
      "change:_rows": () => this.refresh(),
      "change:_groups": () => this.rebuild(),
      "change:_conflicts": () => this.refresh(),
      "change:cleaning": () => this.refresh(),
    });
  }

  build(host) {
    this.find = make("input", {
      type: "search",
      class: "ck-input",
      placeholder: "Find a column",
      "aria-label": "Find a column",
      oninput: () => this.filter(),
    });
    this.buttons = Object.entries(SHOWS).map(([key, label]) =>
      make("button", { type: "button", class: "ck-map-show", "data-key": key, onclick: () => this.only(key) }, label),
    );
    this.count = make("span", { class: "ck-muted", role: "status" });
    this.body = make("tbody");
    host.classList.add("ck", "ck-map");
    host.append(
      make(
        "div",
        { class: "ck-map-bar" },
        make("span", { class: "ck-map-find" }, this.find),
        make("span", { class: "ck-map-shows", role: "group", "aria-label": "Show only" }, ...this.buttons),
        this.count,
      ),
      make(
        "div",
        { class: "ck-map-scroll" },
        make(
          "table",
          { class: "ck-map-table", "aria-label": this.model.get("_label") },
          make("thead", {}, make("tr", {}, ...HEADS.map((head) => make("th", { scope: "col" }, head)))),
          this.body,
        ),
      ),
    );
  }

  rebuild() {
    // Built once and copied: two hundred columns with eighty fields each are 16,000 options.
    this.pattern = make("select", { class: "ck-input" });
    this.pattern.append(make("option", { value: "" }, "(leave out)"));
    for (const group of this.model.get("_groups")) {
      this.pattern.append(
        make(
          "optgroup",
          { label: group.label },
          ...group.targets.map((target) =>
            make("option", { value: `:${target.id}` }, target.required ? `${target.label} (required)` : target.label),
          ),
        ),
      );
    }
    // A closed list shows the field without its group, and companies and persons have like fields.
    const groups = this.model.get("_groups");
    this.group = new Map(
      groups.length > 1 ? groups.flatMap((group) => group.targets.map((target) => [target.id, group.label])) : [],
    );
    this.lines = [];
    this.refresh();
  }

  refresh() {
    const rows = this.model.get("_rows");
    const same = rows.length === this.lines.length && rows.every((row, at) => row.column === this.lines[at].row.column);
    if (!same) {
      this.lines = rows.map((row, at) => this.line(row, at));
      this.body.replaceChildren(...this.lines.map((line) => line.node));
    }
    rows.forEach((row, at) => this.update(this.lines[at], row));
    // A row that was just mapped stays in sight until the user asks for another view.
    if (!same) this.only(this.show);
    else this.say();
  }

  line(row, at) {
    const header = row.header.trim() || `Column ${at + 1}, without header`;
    const select = this.pattern.cloneNode(true);
    select.setAttribute("aria-label", header);
    select.addEventListener("change", () => {
      this.model.send({ kind: "map", column: row.column, target: select.value === "" ? null : select.value.slice(1) });
    });
    const line = {
      row,
      select,
      title: make("div", { class: "ck-map-header" }, header),
      facts: make("div", { class: "ck-muted ck-small" }),
      samples: make("div", { class: "ck-map-samples" }),
      group: make("div", { class: "ck-muted ck-small" }),
      suggestion: make("div", { class: "ck-map-suggestion" }),
      conflict: make("div", { class: "ck-map-conflict", hidden: true }),
      clean: make("button", {
        type: "button",
        class: "ck-map-clean",
        hidden: !this.model.get("_cleans"),
        onclick: () => this.model.send({ kind: "clean", column: row.column }),
      }),
    };
    line.node = make(
      "tr",
      {},
      make("th", { scope: "row" }, line.title, make("div", { class: "ck-map-foot" }, line.facts, line.clean)),
      make("td", {}, line.samples),
      make("td", {}, select, line.group, line.conflict),
      make("td", {}, line.suggestion),
    );
    return line;
  }

  update(line, row) {
    const first = line.facts.textContent === "";
    if (first || line.row.samples.join("\n") !== row.samples.join("\n")) {
      line.samples.replaceChildren(...row.samples.map((sample) => make("span", { class: "ck-map-sample", title: sample }, sample)));
    }
    line.row = row;
    line.clean.textContent = row.steps ? `Clean (${COUNT.format(row.steps)})` : "Clean";
    const steps = row.steps ? `, ${COUNT.format(row.steps)} ${row.steps === 1 ? "step" : "steps"}` : "";
    line.clean.setAttribute("aria-label", `Clean ${row.header}${steps}`);
    line.clean.setAttribute("aria-expanded", String(this.model.get("cleaning") === row.column));
    line.facts.textContent = row.note || `${Math.round(row.filled_percent)} % filled · ${COUNT.format(row.distinct)} different`;
    line.select.value = row.target === null ? "" : `:${row.target}`;
    line.group.textContent = this.group.get(row.target) ?? "";
    line.suggestion.replaceChildren(...suggestion(row));
    const conflict = this.model.get("_conflicts")[row.column] ?? "";
    line.conflict.hidden = !conflict;
    line.conflict.replaceChildren(...(conflict ? [icon("problem"), make("span", {}, conflict)] : []));
    line.select.setAttribute("aria-invalid", conflict ? "true" : "false");
    line.node.classList.toggle("ck-map-out", row.target === null);
  }

  only(show) {
    this.show = show;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.key === show));
    this.filter();
  }

  filter() {
    const words = this.find.value.trim().toLowerCase();
    for (const line of this.lines) {
      const found = !words || line.row.header.toLowerCase().includes(words);
      line.node.hidden = !(found && this.fits(line.row));
    }
    this.say();
  }

  fits(row) {
    if (this.show === "unmapped") return row.target === null;
    if (this.show === "uncertain") return isUncertain(row) || row.column in this.model.get("_conflicts");
    return true;
  }

  say() {
    const seen = this.lines.filter((line) => !line.node.hidden).length;
    const mapped = this.lines.filter((line) => line.row.target !== null).length;
    const shown = seen === this.lines.length ? "" : ` · ${COUNT.format(seen)} shown`;
    this.count.textContent = `${COUNT.format(mapped)} of ${COUNT.format(this.lines.length)} columns mapped${shown}`;
  }
}

function isUncertain({ target, confidence }) {
  return target !== null && confidence !== null && confidence < HIGH;
}

function suggestion({ confidence, reason }) {
  if (confidence === null) return [make("span", { class: "ck-muted" }, reason)];
  const level = confidence >= HIGH ? "High" : confidence >= MEDIUM ? "Medium" : "Low";
  return [
    make("span", { class: `ck-map-level ck-map-${level.toLowerCase()}` }, `${level} ${Math.round(confidence * 100)} %`),
    make("span", { class: "ck-muted ck-small" }, reason),
  ];
}

export default {
  render({ model, el: host }) {
    const view = new MappingView(model, host);
    return () => view.stop();
  },
};
