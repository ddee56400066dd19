// Hosts the components of a page, as anywidget hosts them in JupyterLab: each module exports
// { render({ model, el }) }. What the readers choose is one state for all components of the page; it
// stands in the address, so that an answer can be linked: #model=llama3.1-8b&context=32768.
{
  const state = new Map();
  const listeners = [];

  const change = (name, value) => {
    if (state.get(name) === value) return;
    if (value === undefined) state.delete(name);
    else state.set(name, value);
    for (const [event, tell] of listeners) if (event === `change:${name}`) tell();
  };
  const read = () => {
    if (location.hash.includes("=")) for (const [name, value] of new URLSearchParams(location.hash.slice(1))) change(name, value);
  };
  read();
  addEventListener("hashchange", read);

  // An address leads to the component that has what it names first, also into a fold.
  addEventListener("load", () => {
    const [name] = state.keys();
    const place = name && document.querySelector(`[data-component] [name="${CSS.escape(name)}"]`);
    if (!place) return;
    for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    if (!scrollY) place.closest("[data-component]").scrollIntoView(); // but not after a reload
  });

  const model = (fixed) => ({
    get: (name) => (Object.hasOwn(fixed, name) ? fixed[name] : state.get(name)),
    set: change,
    on: (event, tell) => listeners.push([event, tell]),
    save_changes: () => history.replaceState(null, "", `#${new URLSearchParams([...state])}`),
  });

  globalThis.hostComponent = (name, component) => customElements.define(name, class extends HTMLElement {
    connectedCallback() {
      const data = JSON.parse(this.querySelector(":scope > script").textContent);
      component.render({ model: model(data), el: this });
    }
  });
}
