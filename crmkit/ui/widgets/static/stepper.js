const WORDS = { done: "done", open: "", locked: "not yet", stale: "check again" };

export default {
  render({ model, el: host }) {
    const list = make("ol", { class: "ck-steps" });
    host.classList.add("ck");
    host.append(make("nav", { "aria-label": model.get("_label") }, list));

    function draw() {
      const current = model.get("_current");
      const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      list.replaceChildren(...model.get("_steps").map((step, at) => item(step, at, current)));
      if (held !== null) [...list.querySelectorAll("button")].find((b) => b.dataset.key === held)?.focus();
    }

    function item(step, at, current) {
      const here = step.key === current;
      const badge = !here && step.state !== "open" ? icon(step.state) : String(at + 1);
      const words = WORDS[step.state];
      return make(
        "li",
        {},
        make(
          "button",
          {
            type: "button",
            class: `ck-step ck-step-${step.state}`,
            "aria-current": here ? "step" : null,
            disabled: step.state === "locked" && !here,
            "data-key": step.key,
            onclick: () => model.send({ kind: "choose", key: step.key }),
          },
          make("span", { class: "ck-step-badge", "aria-hidden": "true" }, badge),
          make("span", {}, step.label),
          words ? make("span", { class: step.state === "stale" ? "ck-step-note" : "ck-hidden" }, ` ${words}`) : null,
        ),
      );
    }

    // Next stands below a long step; the one that follows is read from its top.
    function move() {
      draw();
      if (host.getBoundingClientRect().top < 0) host.scrollIntoView({ block: "start" });
    }

    draw();
    return listen(model, { "change:_steps": draw, "change:_current": move });
  },
};
