// Rows of a few fields each, to add, fill in and remove: ports, environment variables, regions in their order.
// What is typed into a secret field goes to Python as a message and never into a trait, which a notebook may save.

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function focusable(made, label) {
  made.dataset.lmSuppressShortcuts = "true";
  if (label) made.setAttribute("aria-label", label);
  return made;
}

function render({ model, el }) {
  const list = element("div");
  const add = focusable(element("button", { type: "button", textContent: model.get("add_label") }));
  const root = element("div", { className: "glows-rows" }, [list, add]);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("heading"));
  el.append(root);
  const drawn = new Map();

  function change(rows) {
    model.set("rows", rows);
    model.save_changes();
  }

  function setField(id, name, value) {
    change(model.get("rows").map((row) => (row.id === id ? { ...row, [name]: value } : row)));
  }

  function fieldFor(id, { name, label, kind, placeholder }) {
    if (kind === "choice") {
      const select = focusable(element("select"), label);
      select.onchange = () => setField(id, name, select.value);
      return select;
    }
    const input = focusable(element("input", { placeholder, spellcheck: false, autocomplete: "off" }), label);
    if (kind === "secret") {
      // A browser offers to keep what stands in the field of a password, unless it is said to be a new one.
      Object.assign(input, { type: "password", autocomplete: "new-password" });
      input.onchange = () => model.send({ secret: { id, name, value: input.value } });
    } else {
      input.inputMode = kind === "number" ? "numeric" : "text";
      input.oninput = () => setField(id, name, input.value);
    }
    return input;
  }

  function made(id) {
    const columns = model.get("columns");
    const fields = columns.map((column) => fieldFor(id, column));
    const up = focusable(element("button", { type: "button", textContent: "↑", title: model.get("up_label") }));
    up.onclick = () => moveUp(id);
    const remove = focusable(element("button", { type: "button", textContent: model.get("remove_label") }));
    remove.onclick = () => {
      change(model.get("rows").filter((row) => row.id !== id));
      add.focus();
    };
    const buttons = model.get("up_label") ? [up, remove] : [remove];
    return { row: element("div", { className: "glows-row" }, [...fields, ...buttons]), fields, up, remove };
  }

  function moveUp(id) {
    const rows = [...model.get("rows")];
    const place = rows.findIndex((row) => row.id === id);
    if (place < 1) return;
    [rows[place - 1], rows[place]] = [rows[place], rows[place - 1]];
    change(rows);
    draw();
    // The topmost can't go further up, and a button that is off loses the focus.
    const { up, fields } = drawn.get(id);
    (up.disabled ? fields[0] : up).focus();
  }

  function fill(field, { name, kind, choices, placeholder }, row) {
    if (kind === "choice") {
      const options = [...new Set([...choices, row[name]].filter(Boolean))];
      if ([...field.options].map((option) => option.value).join("\n") !== options.join("\n")) {
        field.replaceChildren(...options.map((value) => element("option", { value, textContent: value })));
      }
    }
    if (kind === "secret") {
      field.placeholder = model.get("kept").includes(row.id) ? "••••••••" : placeholder;
    } else if (field.value !== row[name]) {
      field.value = row[name] ?? "";
    }
  }

  function draw() {
    const rows = model.get("rows");
    const columns = model.get("columns");
    for (const [id, { row }] of drawn) {
      if (rows.some((wanted) => wanted.id === id)) continue;
      row.remove();
      drawn.delete(id);
    }
    rows.forEach((row, place) => {
      if (!drawn.has(row.id)) drawn.set(row.id, made(row.id));
      const { row: line, fields, up, remove } = drawn.get(row.id);
      columns.forEach((column, index) => {
        fill(fields[index], column, row);
        fields[index].setAttribute("aria-label", `${column.label} ${place + 1}`);
      });
      const which = `${columns[0].label.toLowerCase()} ${place + 1}`;
      up.setAttribute("aria-label", `${model.get("up_label")} ${which}`);
      up.disabled = place === 0;
      remove.setAttribute("aria-label", `${model.get("remove_label")} ${which}`);
      if (list.children[place] !== line) list.insertBefore(line, list.children[place] ?? null);
    });
    add.hidden = rows.length >= model.get("most");
  }

  add.onclick = () => {
    const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const rows = model.get("rows");
    const first = ({ name, choices, is_unique }) =>
      (is_unique && choices.find((choice) => rows.every((row) => row[name] !== choice))) || choices[0] || "";
    const columns = model.get("columns").filter(({ kind }) => kind !== "secret");
    const blank = Object.fromEntries(columns.map((column) => [column.name, first(column)]));
    change([...rows, { id, ...blank }]);
    draw();
    drawn.get(id).fields[0].focus();
  };

  const events = ["change:rows", "change:columns", "change:kept", "change:most"];
  for (const event of events) model.on(event, draw);
  draw();
  return () => {
    for (const event of events) model.off(event, draw);
  };
}

export default { render };
