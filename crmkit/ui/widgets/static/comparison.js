export default {
  render({ model, el: host }) {
    host.classList.add("ck", "ck-comparison");
    host.setAttribute("role", "region");
    host.setAttribute("aria-label", model.get("_label"));

    function draw() {
      const sections = model.get("_sections");
      host.replaceChildren(
        ...(sections.length ? sections.map(section) : [make("p", { class: "ck-compare-empty ck-muted" }, model.get("_empty"))]),
      );
    }

    function section({ title, status, match_reason, action_reason, problems, fields, together, decided, notes }) {
      return make(
        "section",
        { class: "ck-compare", "aria-label": title },
        make("div", { class: "ck-compare-head" }, make("span", { class: "ck-compare-title" }, title), statusChip(status)),
        sentences("Problems", problems, "problems", "problem"),
        sentences("Notes", notes, "notes", "info"),
        sentences("Decisions", decided, "decided", "done"),
        together ? make("p", { class: "ck-compare-reason" }, together) : null,
        match_reason ? make("p", { class: "ck-compare-reason" }, match_reason) : null,
        action_reason ? make("p", { class: "ck-compare-reason" }, action_reason) : null,
        fields.length ? table(title, fields) : null,
      );
    }

    function sentences(label, texts, kind, sign) {
      if (!texts.length) return null;
      return make(
        "ul",
        { class: `ck-compare-${kind}`, "aria-label": label },
        ...texts.map((text) => make("li", {}, icon(sign), make("span", {}, text))),
      );
    }

    function table(title, fields) {
      const heads = ["Field", "Existing", "Incoming", "Outcome"];
      return make(
        "div",
        { class: "ck-compare-scroll", tabindex: 0, role: "group", "aria-label": `${title}, field by field` },
        make(
          "table",
          { class: "ck-compare-table" },
          make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
          make("tbody", {}, ...fields.map(line)),
        ),
      );
    }

    function line(field) {
      const tag = tagOf(field);
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, field.label),
        cell(field.existing),
        cell(field.incoming, null, null, field.origin),
        cell(field.outcome, field.changed ? tag : null, tag),
      );
    }

    function cell(value, tint = null, tag = null, origin = "") {
      return make(
        "td",
        { class: tint ? `ck-compare-${tint}` : null },
        filled(value) ? make("span", { class: "ck-compare-value" }, value) : make("span", { class: "ck-none" }, "–"),
        tag ? make("span", { class: `ck-tag ck-tag-${tag}` }, tag) : null,
        origin ? make("div", { class: "ck-muted ck-small" }, origin) : null,
      );
    }

    function tagOf({ existing, incoming, outcome, changed }) {
      if (changed) return !filled(outcome) ? "cleared" : filled(existing) ? "changed" : "new";
      return filled(existing) && filled(incoming) && incoming !== existing ? "kept" : null;
    }

    function filled(value) {
      return value !== null && value !== "";
    }

    draw();
    return listen(model, { "change:_sections": draw });
  },
};
