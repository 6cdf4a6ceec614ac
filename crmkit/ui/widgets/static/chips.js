export default {
  render({ model, el: host }) {
    const label = model.get("_label");
    const group = make("div", { class: "ck-chips", role: "group", "aria-label": label });
    host.classList.add("ck");
    host.append(group);

    function draw() {
      const held = [...group.querySelectorAll("button")].indexOf(document.activeElement);
      const chosen = model.get("_selected");
      const all = { value: null, label: model.get("_all_label"), count: null, status: "" };
      group.replaceChildren(
        make("span", { class: "ck-muted ck-small", "aria-hidden": "true" }, label),
        ...[all, ...model.get("_chips")].map((chip) => button(chip, chip.value === chosen)),
      );
      if (held >= 0) group.querySelectorAll("button")[held]?.focus();
    }

    function button(chip, pressed) {
      return make(
        "button",
        {
          type: "button",
          class: `ck-chip${chip.status ? ` ck-is-${chip.status}` : ""}`,
          "aria-pressed": String(pressed),
          onclick: () => model.send({ kind: "choose", value: pressed ? null : chip.value }),
        },
        chip.status ? icon(chip.status) : null,
        make("span", {}, chip.label),
        chip.count === null ? null : make("span", { class: "ck-chip-count" }, ` ${COUNT.format(chip.count)}`),
      );
    }

    draw();
    return listen(model, { "change:_chips": draw, "change:_selected": draw });
  },
};
