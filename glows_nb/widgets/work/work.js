// Work on one machine: three buttons, each of which opens a line of fields, with what came of it below.
// What is typed and what comes back goes over as messages and is never a trait, so no notebook keeps it; whatever the
// machine says is put on the page as text.

// The fields of each line, by the names that Python has for them.
const FIELDS = { send: ["local", "remote"], fetch: ["remote", "local"], command: ["command"] };

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function focusable(made) {
  made.dataset.lmSuppressShortcuts = "true";
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  const say = (content) => model.send(content);
  const buttons = element("div", { className: "glows-work-buttons" });
  buttons.setAttribute("role", "group");
  buttons.setAttribute("aria-label", words.group);
  const root = element("div", { className: "glows-work" }, [buttons]);
  el.append(root);
  const kernel = element("div", { className: "glows-work-message" });
  kernel.setAttribute("role", "status");
  root.append(kernel);
  const lines = {};

  function line(kind) {
    const id = `glows-work-${Math.random().toString(36).slice(2)}`;
    const opener = focusable(element("button", { type: "button", title: words[`${kind}_hint`] }));
    opener.setAttribute("aria-controls", id);
    const fields = FIELDS[kind].map((name) => {
      const input = element("input", {
        name,
        placeholder: words[`${kind}_${name}_hint`],
        spellcheck: false,
        autocomplete: "off",
        className: name === "command" ? "glows-work-code" : "",
      });
      input.setAttribute("autocapitalize", "off");
      return focusable(input);
    });
    fields[0].required = true;
    const labels = fields.map((field) => element("label", { textContent: words[`${kind}_${field.name}`] }, [field]));
    const go = focusable(element("button", { type: "button", textContent: words[`${kind}_go`] }));
    const stop = focusable(element("button", { type: "button", textContent: words.stop, hidden: true }));
    stop.setAttribute("aria-label", words[`${kind}_stop`]);
    const message = element("div", { className: "glows-work-message" });
    message.setAttribute("role", "status");
    const row = element("div", { className: "glows-work-line" }, [...labels, go, stop]);
    const pane = element("div", { id, hidden: true }, [row, message]);
    pane.setAttribute("role", "group");
    pane.setAttribute("aria-label", words[`${kind}_hint`]);
    buttons.append(opener);
    root.append(pane);
    let isRunning = false;

    function dress() {
      const isOpen = !pane.hidden;
      opener.textContent = isRunning ? `${words[kind]} (${words.running})` : words[kind];
      opener.setAttribute("aria-expanded", String(isOpen));
      // What is open can be closed, and what runs can be looked at.
      opener.disabled = !model.get("is_enabled") && !isOpen && !isRunning;
      const hadFocus = document.activeElement;
      go.disabled = !model.get("is_enabled") || isRunning;
      stop.hidden = !isRunning;
      // Who pressed a button goes on with the keys where that has gone.
      if (hadFocus === go && isRunning) stop.focus();
      if (hadFocus === stop && !isRunning) (go.disabled ? fields[0] : go).focus();
    }

    function open(isOpen) {
      pane.hidden = !isOpen;
      dress();
      (isOpen ? fields[0] : opener).focus();
    }

    function begin() {
      if (go.disabled) return;
      if (!fields[0].value.trim()) {
        fields[0].focus();
        return;
      }
      say({ do: kind, ...Object.fromEntries(fields.map((field) => [field.name, field.value])) });
    }

    opener.onclick = () => open(pane.hidden);
    go.onclick = begin;
    stop.onclick = () => say({ stop: kind });
    pane.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter" && fields.includes(event.target)) begin();
      else if (event.key === "Escape") open(false);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    function show(state) {
      isRunning = state.is_running;
      const kindOfError = state.error ? [element("b", { textContent: state.error }), ": "] : [];
      message.replaceChildren(...(state.is_bad ? ["✗ ", ...kindOfError] : []), state.message);
      message.classList.toggle("glows-work-bad", state.is_bad);
      dress();
    }

    dress();
    return { show, dress, pane };
  }

  for (const kind of Object.keys(FIELDS)) lines[kind] = line(kind);
  const output = focusable(element("pre", { className: "glows-work-output", tabIndex: 0, hidden: true }));
  output.setAttribute("role", "region");
  output.setAttribute("aria-label", words.output);
  lines.command.pane.append(output);

  function showOutput(text) {
    // Who reads further up is left there.
    const isAtEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 20;
    output.textContent = text;
    output.hidden = text === "";
    if (isAtEnd) output.scrollTop = output.scrollHeight;
  }

  function onMessage(content) {
    for (const [kind, state] of Object.entries(content?.states ?? {})) lines[kind]?.show(state);
    if (content?.kernel !== undefined) kernel.textContent = content.kernel;
    if (content?.output !== undefined) showOutput(content.output);
  }

  function onEnabled() {
    for (const { dress } of Object.values(lines)) dress();
  }

  model.on("msg:custom", onMessage);
  model.on("change:is_enabled", onEnabled);
  // A view that is made anew shows what has come so far.
  say({ ask: true });
  return () => {
    model.off("msg:custom", onMessage);
    model.off("change:is_enabled", onEnabled);
  };
}

export default { render };
