// The page's switches: what is shown of each image, which images are shown, in which order.

const KEPT_PIXELS = 60e6; // of decoded images and masks; the least recently seen ones are forgotten
const own = () => ({ opacity: 0.55, outlines: false, show: "both", layer: "after", grid: page.grid });
const tiles = page.tiles.map((tile, number) => {
  const element = document.getElementById(`tile-${number}`);
  return {
    ...tile, number, element, kinds: {}, own: own(), canvas: element.querySelector("canvas"),
    text: element.querySelector("h3").textContent.toLowerCase(), drawn: false, seen: false,
  };
});
const status = document.getElementById("status");
const recent = [];

/** Draw a tile where it is on the screen; forget those that were not looked at for long. */
async function refresh(tile) {
  if (!tile.canvas) return;
  await load(tile);
  const broad = tile.image?.naturalWidth ?? Math.min(tile.width, 1024);
  const tall = tile.image?.naturalHeight ?? Math.max(1, Math.round((broad * tile.height) / tile.width));
  const [wide, high] = drawn(tile, broad, tall);
  if (tile.canvas.width !== wide || tile.canvas.height !== high) {
    tile.canvas.width = wide;
    tile.canvas.height = high;
  }
  const [width, height] = sizeOf(tile);
  tile.canvas.style.aspectRatio = `${width} / ${height}`;
  draw(tile, tile.canvas, { left: 0, top: 0, scale: wide / width });
  tile.drawn = true;
  tile.element.dataset.drawn = `${tile.own.grid} ${tile.own.show}`;
  recent.splice(0, recent.length, ...recent.filter((one) => one !== tile), tile);
  let pixels = recent.reduce((sum, one) => sum + one.width * one.height, 0);
  for (const old of recent.filter((one) => !one.seen && one !== tile)) {
    if (pixels <= KEPT_PIXELS) break;
    pixels -= old.width * old.height;
    recent.splice(recent.indexOf(old), 1);
    unload(old);
  }
}

function refreshSeen() {
  for (const tile of tiles) {
    if (tile.seen && !tile.element.hidden) refresh(tile);
    else tile.drawn = false;
  }
  if (viewer.open) viewer.draw();
}

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const tile = tiles[Number(target.id.slice(5))];
    tile.seen = isIntersecting;
    if (isIntersecting && !tile.drawn) refresh(tile);
  }
}, { rootMargin: "200px" });

/** Write settings into a group of controls. */
function fill(group, settings) {
  for (const control of group.elements) {
    if (control.type === "checkbox") control.checked = settings[control.name];
    else if (control.name === "opacity") control.value = Math.round(settings.opacity * 100);
    else if (control.name in settings) control.value = settings[control.name];
  }
}

/** Tell the changes of a group of controls: `change(name, value)`. */
function listen(group, change) {
  group.addEventListener("input", ({ target }) => {
    if (target.type === "checkbox") change(target.name, target.checked);
    else change(target.name, target.name === "opacity" ? target.value / 100 : target.value);
  });
}

listen(document.getElementById("all"), (name, value) => {
  for (const tile of tiles) {
    tile.own[name] = value;
    fill(tile.element.querySelector("fieldset"), tile.own);
  }
  refreshSeen();
});

/** Return the pixel of the image that lies below the pointer on a tile's canvas. */
function below(tile, event) {
  const box = tile.canvas.getBoundingClientRect();
  const [width, height] = sizeOf(tile);
  return [
    Math.floor(((event.clientX - box.left) / box.width) * width),
    Math.floor(((event.clientY - box.top) / box.height) * height),
  ];
}

for (const tile of tiles) {
  if (tile.canvas) tile.canvas.style.aspectRatio = `${tile.width} / ${tile.height}`;
  watcher.observe(tile.element);
  listen(tile.element.querySelector("fieldset"), (name, value) => {
    tile.own[name] = value;
    refresh(tile);
  });
  if (!tile.canvas) continue;
  const told = tile.element.querySelector("output");
  tile.canvas.addEventListener("pointermove", (event) => {
    told.textContent = describe(tile, ...below(tile, event));
  });
  tile.canvas.addEventListener("pointerleave", () => { told.textContent = ""; });
  tile.element.querySelector(".picture").addEventListener("click", () => viewer.show(tile));
}

// --- which images, and in which order -----------------------------------------------------------------

const wanted = document.getElementById("filters");
const orders = {
  manifest: () => 0,
  crowding: (a, b) => b.crowding - a.crowding || b.painted - a.painted,
  findings: (a, b) => b.findings.length - a.findings.length,
  change: (a, b) => (b.change ?? -1) - (a.change ?? -1),
};

function filter() {
  const { klass, finding, name, order } = Object.fromEntries(
    [...wanted.elements].map((control) => [control.name, control.value]),
  );
  const text = name.trim().toLowerCase();
  let count = 0;
  for (const tile of tiles) {
    const fits = (klass === "" || tile.classes.includes(Number(klass)))
      && (finding === "" || tile.findings.includes(finding)) && tile.text.includes(text);
    tile.element.hidden = !fits;
    count += fits;
  }
  const sorted = [...tiles].sort((a, b) => orders[order](a, b) || a.number - b.number);
  const place = document.getElementById("tiles");
  if (sorted.some((tile, at) => place.children[at] !== tile.element)) {
    place.append(...sorted.map((tile) => tile.element));
  }
  status.textContent = `${count.toLocaleString("en")} of ${tiles.length.toLocaleString("en")} images`;
}

wanted.addEventListener("input", filter);
wanted.addEventListener("submit", (event) => event.preventDefault());
wanted.addEventListener("reset", () => setTimeout(filter)); // once the controls are reset

for (const box of document.querySelectorAll("input[data-class]")) {
  const one = classOf(Number(box.dataset.class));
  box.checked = one.on;
  box.addEventListener("input", () => {
    one.on = box.checked;
    refreshSeen();
  });
}
document.getElementById("every-class").addEventListener("click", () => {
  const boxes = [...document.querySelectorAll("input[data-class]")]
    .filter((box) => Number(box.dataset.class) !== UNKNOWN && !classOf(Number(box.dataset.class)).background);
  const on = boxes.some((box) => !box.checked);
  for (const box of boxes) {
    box.checked = on;
    classOf(Number(box.dataset.class)).on = on;
  }
  refreshSeen();
});

document.getElementById("theme").addEventListener("input", ({ target }) => {
  document.documentElement.dataset.theme = target.value;
});

// On a phone the images come first.
const panel = document.getElementById("panel");
panel.open = !window.matchMedia("(max-width: 52em)").matches;

async function print() {
  panel.open = true;
  for (const tile of tiles) if (!tile.element.hidden && !tile.drawn) await refresh(tile);
  window.print();
}
document.getElementById("print").addEventListener("click", print);
window.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "p") {
    event.preventDefault();
    print();
  }
});
