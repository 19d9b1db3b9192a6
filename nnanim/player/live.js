// A training that goes on: each new snapshot comes over a stream, and the reader stays where they are.

const liveLine = make("+p", { id: "live", role: "status" });
document.querySelector("header h1").after(liveLine);

function sayLive(state, text) {
  liveLine.dataset.state = state;
  liveLine.textContent = text;
}
const counted = () => (count === 1 ? "1 snapshot" : `${count} snapshots`);

function placeIn(titles, isNewest, title, index) {
  if (isNewest) return titles.length - 1;
  const same = titles.indexOf(title);
  return same < 0 ? Math.min(index, titles.length - 1) : same;
}

async function grow({ data: told, weights: first, biases: second }) {
  if (told.view !== data.view) {
    location.reload(); // another way to show it, which is another script
    return;
  }
  const numbers = await unpackAll(told, [first, second]);
  const isEnlarged = told.live.times_enlarged !== data.live.times_enlarged;
  const isNewRun = told.live.run !== data.live.run;
  const index = Math.floor(state.position);
  const isNewest = isNewRun || (!state.playing && index === count - 1);
  const { kind, index: focusedAt } = document.activeElement.dataset || {};
  const focused = kind ? remember({ kind, index: Number(focusedAt) }) : null;
  const [kept, hovered] = [remember(state.kept), remember(state.hovered)];
  const place = placeIn(told.titles, isNewest, data.titles[index], index);
  adopt(told, numbers);
  state.position = place;
  state.pinned = state.pinned === null || isNewRun ? null : Math.min(state.pinned, count - 1);
  largestOf.clear();
  if (!data.modes[state.mode]) state.mode = data.color;
  introduce();
  if (Object.keys(data.views).length) {
    drawing.build($("graph").dataset.view);
    drawing.legend();
    shownMoment = null;
  }
  state.kept = findAgain(kept);
  state.hovered = findAgain(hovered);
  draw();
  const again = findAgain(focused);
  if (again) drawing.things(again.kind)[again.index].focus();
  const news = isNewRun ? "a new run" : isEnlarged ? "live, with a larger scale from now on" : "live";
  sayLive("live", `${news}, ${counted()}`);
}

const address = new URLSearchParams(location.search);
address.set("have", data.live.version);
const stream = new EventSource("stream?" + address);
let growing = Promise.resolve(); // one after the other
stream.addEventListener("open", () => sayLive("live", `live, ${counted()}`));
stream.addEventListener("error", () => sayLive("lost", "connection lost, trying again"));
stream.addEventListener("run", (event) => {
  const told = JSON.parse(event.data);
  growing = growing.then(() => grow(told));
});
stream.addEventListener("over", () => {
  stream.close();
  growing = growing.then(() => sayLive("over", `watching has ended, ${counted()}`));
});
