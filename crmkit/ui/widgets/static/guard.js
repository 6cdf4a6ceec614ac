const TICK = 1000; // ms
const LAB_TIMES = 6;

const LOST = "The connection to the program was lost. Your work is saved. Reload the page to go on.";
const BUSY =
  "The kernel does not answer. If a cell is running, wait for it; otherwise restart the kernel and run the notebook again.";

export default {
  render({ model, el: host }) {
    host.hidden = true;
    const lab = inLab();
    const patience = model.get("_patience") * 1000 * (lab ? LAB_TIMES : 1);
    const region = make("div", { class: "ck ck-guard", role: "alert" });
    document.body.append(region);
    let waited = 0;
    let before = performance.now();

    function tick() {
      const now = performance.now();
      // Capped: after the machine slept, a long time has passed in which nobody could answer.
      waited += Math.min(now - before, 2 * TICK);
      before = now;
      if (waited > patience && !region.hasChildNodes()) region.append(banner());
      try {
        model.send({ kind: "ping" });
      } catch {
        // The socket is gone: that shows as no answer.
      }
    }

    function banner() {
      return make(
        "div",
        { class: "ck-guard-banner" },
        icon("warning"),
        make("span", {}, lab ? BUSY : LOST),
        lab
          ? null
          : make("button", { type: "button", class: "ck-button", onclick: () => window.location.reload() }, "Reload"),
      );
    }

    const stop = listen(model, {
      "msg:custom": (message) => {
        if (message.kind !== "pong") return;
        waited = 0;
        region.replaceChildren();
      },
    });
    tick();
    const timer = setInterval(tick, TICK);
    return () => {
      clearInterval(timer);
      stop();
      region.remove();
    };
  },
};
