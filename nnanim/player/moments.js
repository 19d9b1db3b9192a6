// Moments at which more happened than before and after: marks on the slider, and a line while one is shown.

let shownMoment = null;

function buildMarks() {
  shownMoment = null;
  $("moment").hidden = !data.moments.length;
  $("marks").replaceChildren();
  for (const { index, says } of data.moments) {
    const mark = make("+button", { type: "button", title: says, "aria-label": says }, $("marks"));
    mark.style.left = `calc(8px + (100% - 16px) * ${index / (count - 1)})`; // half of the slider's knob on both sides
    mark.addEventListener("click", () => go(index));
  }
}

const momentAt = (position) => data.moments.find(({ index }) => index === Math.ceil(position)) || null;

function drawMoment() {
  const now = momentAt(state.position);
  if (now === shownMoment) return;
  shownMoment = now;
  $("moment").textContent = now ? now.says : "";
  if (!view) return;
  const things = now ? now.things : [];
  scene.classList.toggle("at-moment", things.length > 0);
  drawing.standOut(things);
}

function nextMoment() {
  const ahead = data.moments.find(({ index }) => index > state.position) || data.moments[0];
  if (ahead) go(ahead.index);
}
