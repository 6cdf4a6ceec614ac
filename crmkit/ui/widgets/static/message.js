export default {
  render({ model, el: host }) {
    // Both regions are there from the start: a screen reader says only what comes into one.
    const urgent = make("div", { role: "alert" });
    const calm = make("div", { role: "status" });
    host.classList.add("ck");
    host.append(urgent, calm);

    function draw() {
      const notice = model.get("_notice");
      urgent.replaceChildren();
      calm.replaceChildren();
      if (!notice?.message) return false;
      const region = notice.level === "error" || notice.level === "warning" ? urgent : calm;
      region.append(line(notice));
      return region === urgent;
    }

    // Who pressed a button at the end of a long page must see why nothing happened.
    function tell() {
      if (draw()) urgent.scrollIntoView({ block: "nearest" });
    }

    function line({ level, message, where, mend, number }) {
      return make(
        "div",
        { class: `ck-message ck-message-${level}` },
        icon(level),
        make(
          "div",
          { class: "ck-message-text" },
          make("strong", {}, message),
          where ? make("div", { class: "ck-message-where" }, where) : null,
          mend ? make("div", {}, mend) : null,
          number && !message.includes(number) ? make("div", { class: "ck-small" }, `Error number: ${number}`) : null,
        ),
        make(
          "button",
          {
            type: "button",
            class: "ck-message-close",
            "aria-label": "Close this message",
            onclick: () => model.send({ kind: "close" }),
          },
          icon("close"),
        ),
      );
    }

    draw();
    return listen(model, { "change:_notice": tell });
  },
};
