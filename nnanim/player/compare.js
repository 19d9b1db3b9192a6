// Two steps held against each other: one is pinned, and what is shown is measured from it on.

function pin(index) {
  state.pinned = state.pinned === index ? null : index;
  $("pin").setAttribute("aria-pressed", state.pinned !== null);
  $("pin").textContent = state.pinned === null ? "Compare" : `Against ${data.titles[state.pinned]}`;
  if (state.pinned !== null && data.modes.change && state.mode !== "change") setMode("change");
  else repaint();
  say();
  keepAddress();
}

const togglePin = () => pin(state.pinned === null ? Math.floor(state.position) : state.pinned);

// What a thing was at the pinned step, as one more row of facts.
function pinnedFact(word, write) {
  if (state.pinned === null) return [];
  const [text, whole] = write(state.pinned);
  return [[`${word} at ${data.titles[state.pinned]}`, text, whole]];
}
