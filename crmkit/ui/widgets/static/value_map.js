const HEADS = ["Value in the file", "Rows", "Means", ""];

export default {
  render({ model, el: host }) {
    const all = make(
      "button",
      { type: "button", class: "ck-button", onclick: () => model.send({ kind: "confirm_all" }) },
    );
    const body = make("tbody");
    const more = make("p", { class: "ck-muted" });
    host.classList.add("ck", "ck-values");
    host.append(
      make("div", { class: "ck-values-bar" }, all),
      make(
        "div",
        { class: "ck-values-scroll", tabindex: 0, role: "group", "aria-label": `Values for ${model.get("_label")}` },
        make(
          "table",
          { class: "ck-values-table", "aria-label": `Values for ${model.get("_label")}` },
          make("thead", {}, make("tr", {}, ...HEADS.map((head) => make(head ? "th" : "td", head ? { scope: "col" } : {}, head)))),
          body,
        ),
      ),
      more,
    );
    let lines = new Map();

    function build() {
      // Built once and copied: two hundred values with as many items each are 40,000 options.
      const pattern = make("select", { class: "ck-input" });
      pattern.append(make("option", { value: "" }, model.get("as_it_is")));
      pattern.append(...model.get("_items").map((item) => make("option", { value: `:${item}` }, item)));
      lines = new Map();
      for (const row of model.get("_rows")) lines.set(row.text, line(row, pattern));
      body.replaceChildren(...[...lines.values()].map(({ node }) => node));
      draw();
    }

    function line(row, pattern) {
      const select = pattern.cloneNode(true);
      select.setAttribute("aria-label", `${row.text} means`);
      const choose = () => model.send({ kind: "choose", text: row.text, item: select.value.slice(1) });
      select.addEventListener("change", choose);
      const confirm = make("button", { type: "button", class: "ck-button", onclick: choose }, "Confirm");
      confirm.setAttribute("aria-label", `Confirm ${row.suggestion} for ${row.text}`);
      const note = make("span", { class: "ck-muted ck-small" });
      const node = make(
        "tr",
        {},
        make("th", { scope: "row" }, row.text),
        make("td", { class: "ck-values-count" }, COUNT.format(row.rows)),
        make("td", {}, select),
        make("td", {}, make("span", { class: "ck-values-note" }, confirm, note)),
      );
      return { node, select, confirm, note };
    }

    function draw() {
      const rows = model.get("_rows");
      if (rows.length !== lines.size || rows.some((row) => !lines.has(row.text))) return build();
      for (const row of rows) {
        const { select, confirm, note } = lines.get(row.text);
        const open = !row.item && Boolean(row.suggestion);
        const shown = row.item || row.suggestion;
        select.value = shown ? `:${shown}` : "";
        confirm.hidden = !open;
        note.textContent = open ? "Suggested; not used until you confirm it" : row.item ? "Chosen by you" : "";
      }
      const count = rows.filter((row) => !row.item && row.suggestion).length;
      all.hidden = count < 2;
      all.textContent = `Confirm all ${COUNT.format(count)} suggestions`;
      const off = model.get("_left_off");
      more.hidden = off === 0;
      more.textContent = `${COUNT.format(off)} more values are not shown; they are taken as they are.`;
    }

    build();
    return listen(model, { "change:_rows": draw, "change:_items": build, "change:as_it_is": build, "change:_left_off": draw });
  },
};
