// Putting a text on the clipboard; stands before the scripts of the widgets that copy.

async function copy(text) {
  // Only pages from https or from this machine have a clipboard; for others there is the old way.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (!isDone) throw new Error("refused");
}
