// Gathers a file's pieces and gives them to the browser as a download.
export default {
  render({ model, el }) {
    el.classList.add("ck-downloader");
    const line = document.createElement("span");
    line.setAttribute("role", "status");
    el.append(line);
    let wanted = null;
    let pieces = [];
    let received = 0;
    let address = "";

    const ask = () => model.send({ kind: "piece", count: wanted.count, offset: received });

    const begin = () => {
      wanted = model.get("_file");
      pieces = [];
      received = 0;
      if (!wanted) return;
      line.textContent = `Preparing ${wanted.name} …`;
      ask();
    };

    const finish = () => {
      if (address) URL.revokeObjectURL(address);
      address = URL.createObjectURL(new Blob(pieces));
      const link = document.createElement("a");
      link.href = address;
      link.download = wanted.name;
      link.textContent = wanted.name;
      line.replaceChildren("Saved as ", link, ".");
      link.click();
      pieces = [];
    };

    const hear = (message, buffers) => {
      if (message.kind !== "piece" || !wanted || message.count !== wanted.count) return;
      if (message.offset !== received) return;
      pieces.push(buffers[0]);
      received += buffers[0].byteLength;
      if (received < wanted.size && buffers[0].byteLength > 0) ask();
      else finish();
    };

    model.on("change:_file", begin);
    model.on("msg:custom", hear);
    return () => {
      model.off("change:_file", begin);
      model.off("msg:custom", hear);
      if (address) URL.revokeObjectURL(address);
    };
  },
};
