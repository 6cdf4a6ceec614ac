export default {
  render({ model, el: host }) {
    host.hidden = true;
    const lab = inLab();

    function apply() {
      if (lab) return; // the address is the host's own
      const address = new URL(window.location.href);
      for (const [key, value] of Object.entries(model.get("_wanted"))) {
        if (value === null) address.searchParams.delete(key);
        else address.searchParams.set(key, value);
      }
      if (address.href !== window.location.href) window.history.replaceState(window.history.state, "", address);
    }

    const stop = listen(model, { "change:_wanted": apply });
    model.send({ kind: "here", search: window.location.search });
    apply();
    return stop;
  },
};
