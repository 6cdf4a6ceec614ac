const PIECE = 1024 * 1024; // well below the 10 MB at which a notebook server cuts a message off
const MEGABYTE = 1024 * 1024;
const PATIENCE = 60_000; // ms without an answer

class UploadView {
  constructor(model, host) {
    this.model = model;
    this.upload = null; // { ticket, file, received }
    this.build(host);
    this.stop = listen(model, { "msg:custom": (message) => this.hear(message) });
  }

  build(host) {
    const accept = this.model.get("_accept");
    this.input = make("input", {
      type: "file",
      hidden: true,
      accept: accept.length ? accept.join(",") : null,
      onchange: () => {
        if (this.input.files.length) this.begin(this.input.files[0]);
        this.input.value = "";
      },
    });
    this.choose = make(
      "button",
      { type: "button", class: "ck-button ck-primary", onclick: () => this.input.click() },
      "Choose a file",
    );
    this.bar = make("progress", { "aria-label": "Upload", max: 1, value: 0 });
    this.amount = make("span", { class: "ck-muted ck-up-amount" });
    this.progress = make(
      "div",
      { class: "ck-up-progress", hidden: true },
      this.bar,
      this.amount,
      make("button", { type: "button", class: "ck-button", onclick: () => this.cancel() }, "Cancel"),
    );
    this.status = make("div", { role: "status" });
    this.alert = make("div", { role: "alert", class: "ck-up-alert" });
    this.zone = make(
      "div",
      {
        class: "ck-up-zone",
        ondragover: (event) => this.onDrag(event, true),
        ondragleave: (event) => this.onDrag(event, false),
        ondrop: (event) => this.onDrop(event),
      },
      make("span", { class: "ck-up-icon" }, icon("upload")),
      make("div", { class: "ck-up-title" }, this.model.get("_label")),
      make("div", { class: "ck-up-pick" }, make("span", { class: "ck-muted" }, "or"), this.choose, this.input),
      make("div", { class: "ck-muted ck-small" }, this.hint()),
    );
    host.classList.add("ck", "ck-up");
    host.append(this.zone, this.progress, this.status, this.alert);
  }

  hint() {
    const hint = this.model.get("_hint");
    const most = `up to ${COUNT.format(Math.floor(this.model.get("_limit") / MEGABYTE))} MB`;
    return hint ? `${hint} · ${most}` : most;
  }

  onDrag(event, over) {
    event.preventDefault();
    this.zone.classList.toggle("ck-up-over", over && !this.upload);
  }

  onDrop(event) {
    this.onDrag(event, false);
    event.stopPropagation(); // the host would open or upload the file its own way
    const files = [...(event.dataTransfer?.files ?? [])];
    if (this.upload || !files.length) return;
    if (files.length > 1) this.fail("Drop one file at a time.");
    else this.begin(files[0]);
  }

  begin(file) {
    this.say("");
    const accept = this.model.get("_accept");
    const limit = this.model.get("_limit");
    if (accept.length && !accept.some((ending) => file.name.toLowerCase().endsWith(ending))) {
      this.fail(`“${file.name}” cannot be read. Choose a file that ends in ${accept.join(" or ")}.`);
    } else if (file.size > limit) {
      this.fail(
        `“${file.name}” has ${megabytes(file.size)} MB; at most ${megabytes(limit)} MB can be uploaded. ` +
          "Split it, or give its path on the machine where crmkit runs.",
      );
    } else {
      const ticket = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
      this.upload = { ticket, file, received: 0 };
      this.showProgress();
      this.send({ kind: "start", name: file.name, size: file.size });
    }
  }

  send(content, buffers = []) {
    this.model.send({ ...content, upload: this.upload.ticket }, undefined, buffers);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(
      () => this.fail("The upload stopped: the program does not answer. Reload the page and try again."),
      PATIENCE,
    );
  }

  hear(message) {
    if (message.upload !== this.upload?.ticket) return;
    if (message.kind === "took") this.next(message.received);
    else if (message.kind === "refused") this.fail(message.text);
    else if (message.kind === "stored") {
      this.end();
      this.say(`“${message.name}” has arrived.`);
    }
  }

  async next(received) {
    const upload = this.upload;
    upload.received = received;
    this.showProgress();
    if (received >= upload.file.size) {
      this.send({ kind: "end" });
      return;
    }
    try {
      const piece = await upload.file.slice(received, received + PIECE).arrayBuffer();
      if (this.upload === upload) this.send({ kind: "piece" }, [piece]);
    } catch {
      if (this.upload !== upload) return;
      this.send({ kind: "cancel" });
      this.fail(`“${upload.file.name}” can no longer be read. Save and close it, then choose it again.`);
    }
  }

  cancel() {
    if (!this.upload) return;
    this.send({ kind: "cancel" });
    this.end();
    this.say("The upload was cancelled.");
    this.choose.focus();
  }

  fail(text) {
    this.end();
    this.alert.replaceChildren(icon("error"), make("span", {}, text));
  }

  end() {
    clearTimeout(this.waiting);
    this.upload = null;
    this.progress.hidden = true;
    this.choose.disabled = false;
  }

  showProgress() {
    const { file, received } = this.upload;
    this.progress.hidden = false;
    this.choose.disabled = true;
    this.bar.value = file.size ? received / file.size : 1;
    this.amount.textContent = `${file.name} · ${megabytes(received)} of ${megabytes(file.size)} MB`;
  }

  say(text) {
    this.status.replaceChildren(...(text ? [make("span", { class: "ck-up-done" }, icon("success"), text)] : []));
    this.alert.replaceChildren();
  }
}

function megabytes(size) {
  return (size / MEGABYTE).toFixed(1);
}

export default {
  render({ model, el: host }) {
    const view = new UploadView(model, host);
    return () => {
      clearTimeout(view.waiting);
      view.stop();
    };
  },
};
