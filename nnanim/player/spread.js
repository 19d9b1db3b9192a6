// How large the weights of a layer are now: how many lie in each part from 0 to the largest of the run.

const PARTS = 24;
const largestOf = new Map(); // of each layer, over the run

function drawSpread(spread) {
  $("spread").toggleAttribute("hidden", !spread);
  if (!spread) return;
  const { key, things, own, word } = spread;
  if (!largestOf.has(key)) {
    let most = 0;
    for (const thing of things) {
      for (let index = 0; index < count; index++) most = Math.max(most, Math.abs(weights[thing * count + index]) || 0);
    }
    largestOf.set(key, most || 1);
  }
  const most = largestOf.get(key);
  const sizes = new Array(PARTS).fill(0);
  const partOf = (thing) => {
    const size = Math.abs(at(weights, thing, state.position));
    return Number.isNaN(size) ? -1 : Math.min(PARTS - 1, Math.floor((PARTS * size) / most));
  };
  for (const thing of things) {
    const part = partOf(thing);
    if (part >= 0) sizes[part] += 1;
  }
  const highest = Math.max(...sizes);
  const svg = $("spread");
  svg.replaceChildren();
  const wide = 284 / PARTS;
  const ownPart = own === null ? -1 : partOf(own);
  sizes.forEach((size, part) => {
    const height = highest ? (62 * size) / highest : 0;
    const looks = { x: 8 + part * wide, y: 76 - height, width: wide - 1, height };
    make("rect", { class: part === ownPart ? "bin own" : "bin", ...looks }, svg);
  });
  make("line", { class: "axis", x1: 8, x2: 292, y1: 76.5, y2: 76.5 }, svg);
  const told = `|w| of ${word}, 0 … ${rounded(most)}`;
  fitText(make("text", { x: 8, y: 95 }, svg, told), 284);
  svg.setAttribute("aria-label", `Distribution of ${told}`);
}
