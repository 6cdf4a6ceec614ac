export default {
  render({ model, el: host }) {
    const title = make("span", { class: "ck-disclosure-title" });
    const summary = make("span", { class: "ck-muted ck-disclosure-summary" });
    const button = make(
      "button",
      { type: "button", class: "ck-disclosure-button", onclick: () => model.send({ kind: "toggle" }) },
      icon("right"),
      title,
      summary,
    );
    host.classList.add("ck", "ck-disclosure");
    host.append(make("div", { role: "heading", "aria-level": 3 }, button));

    function draw() {
      title.textContent = model.get("title");
      summary.textContent = model.get("summary");
      button.setAttribute("aria-expanded", String(model.get("opened")));
    }

    draw();
    return listen(model, { "change:title": draw, "change:summary": draw, "change:opened": draw });
  },
};
