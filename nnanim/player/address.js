// The place in the address: #epoch=340&edge=l2:3-1, to be sent to somebody or to come back to.

const WAIT_MS = 300; // browsers do not like an address that changes with every picture
let waiting = 0;

function stepWords(index) {
  const found = /^(epoch|iteration) ([\d.]+)$/.exec(data.titles[index]);
  return found && data.titles.indexOf(data.titles[index]) === index ? [found[1], found[2]] : ["snapshot", index + 1];
}

function addressOf() {
  const parts = [stepWords(Math.floor(state.position))];
  if (state.kept) parts.push([state.kept.kind, drawing.address(state.kept)]);
  if (state.pinned !== null) parts.push(["against", stepWords(state.pinned).join(" ")]);
  const write = (text) => encodeURIComponent(text).replace(/%3A/g, ":").replace(/%20/g, "+");
  return "#" + parts.map(([name, value]) => `${name}=${write(value)}`).join("&");
}

function keepAddress() {
  clearTimeout(waiting);
  if (location.protocol === "about:") return; // in a notebook the address is not ours
  waiting = setTimeout(() => {
    if (!state.playing) history.replaceState(null, "", addressOf());
  }, WAIT_MS);
}

function stepOf(name, value) {
  if (name === "snapshot") return Number(value) - 1;
  return data.titles.indexOf(`${name} ${value}`);
}

// Go where the address says; returns whether it says something.
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  let isThere = false;
  for (const [name, value] of asked) {
    const index = name === "against" ? stepOf(...value.split(" ")) : stepOf(name, value);
    if (index >= 0 && index < count && name === "against") pin(index);
    else if (index >= 0 && index < count) {
      state.position = index;
      isThere = true;
    } else if (view && drawing.kinds.includes(name)) {
      const things = drawing.count(name);
      for (let thing = 0; thing < things; thing++) {
        if (drawing.address({ kind: name, index: thing }) !== value) continue;
        state.kept = { kind: name, index: thing };
        isThere = true;
        break;
      }
    }
  }
  return isThere;
}
