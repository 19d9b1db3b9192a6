// This moment as a file: all that is drawn and written of the run, as SVG or PNG.

const INHERITED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "text-anchor"];
const SHARP = 2; // pixels of a PNG for one of the page

// A copy that needs no style sheet.
function plain(element) {
  const copy = element.cloneNode(true);
  const originals = [element, ...element.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((each, index) => {
    const style = getComputedStyle(originals[index]);
    for (const name of ["class", "style", "tabindex", "role", "aria-label"]) each.removeAttribute(name);
    if (style.visibility === "hidden" || style.display === "none") {
      each.setAttribute("display", "none");
      return;
    }
    for (const name of INHERITED) {
      const value = style.getPropertyValue(name);
      if (value && value !== "none" || name === "fill") each.setAttribute(name, value);
    }
    if (each.tagName === "text") each.setAttribute("font-family", "sans-serif");
  });
  return copy;
}

function written(element, offset) {
  const style = getComputedStyle(element);
  const range = document.createRange();
  range.selectNodeContents(element);
  const place = range.getBoundingClientRect();
  const size = parseFloat(style.fontSize);
  const looks = {
    x: place.left - offset.x, y: place.top - offset.y + place.height / 2, "dominant-baseline": "central",
    "font-size": size, "font-weight": style.fontWeight, "font-family": "sans-serif", fill: style.color,
    textLength: place.width, lengthAdjust: "spacingAndGlyphs",
  };
  return make("text", looks, null, element.textContent);
}

function pictureOf() {
  const sections = [document.querySelector("h1"), $("curve"), $("network")].filter((each) => each.offsetParent);
  const places = sections.map((each) => each.getBoundingClientRect());
  const side = 12;
  const offset = {
    x: Math.min(...places.map(({ left }) => left)) - side,
    y: Math.min(...places.map(({ top }) => top)) - side,
  };
  const width = Math.ceil(Math.max(...places.map(({ right }) => right)) - offset.x + side);
  const height = Math.ceil(Math.max(...places.map(({ bottom }) => bottom)) - offset.y + side);
  const picture = make("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height });
  make("rect", { width, height, fill: getComputedStyle(root).backgroundColor }, picture);
  for (const section of sections) {
    for (const svg of section.querySelectorAll("svg")) {
      const place = svg.getBoundingClientRect();
      if (!place.width) continue;
      const where = { x: place.left - offset.x, y: place.top - offset.y, width: place.width, height: place.height };
      if (svg.id === "graph" && !$("cells").hidden) {
        make("image", { ...where, href: $("cells").toDataURL(), preserveAspectRatio: "none" }, picture);
      }
      const copy = plain(svg);
      for (const [key, value] of Object.entries(where)) copy.setAttribute(key, value);
      picture.append(copy);
    }
    for (const leaf of section.matches("h1") ? [section] : section.querySelectorAll("h2, p, dt, dd, span")) {
      if (leaf.children.length || !leaf.textContent.trim() || !leaf.getClientRects().length) continue;
      picture.append(written(leaf, offset));
    }
  }
  return { text: new XMLSerializer().serializeToString(picture), width, height };
}

function save(blob, suffix) {
  const link = make("+a", { download: `${data.name} ${$("time").textContent}.${suffix}`.replace(/[\\/:*?"<>|]/g, "_") });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function saveSvg() {
  save(new Blob([pictureOf().text], { type: "image/svg+xml" }), "svg");
}

async function savePng() {
  const { text, width, height } = pictureOf();
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const canvas = make("+canvas", { width: SHARP * width, height: SHARP * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(blob, "png"), "image/png");
}
