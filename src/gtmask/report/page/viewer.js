// One image, large: zoom and pan down to its real pixels, by pointer, by buttons and by keys.

const viewer = {
  dialog: document.getElementById("viewer"), tile: null, left: 0, top: 0, scale: 1,
  get open() { return this.dialog.open; },
  get canvas() { return this.dialog.querySelector("canvas"); },
  get told() { return this.dialog.querySelector("output"); },
  get group() { return this.dialog.querySelector("fieldset"); },

  async show(tile) {
    this.tile = tile;
    this.dialog.querySelector("h2").textContent = tile.element.querySelector("h3").textContent;
    fill(this.group, tile.own);
    if (!this.open) this.dialog.showModal();
    this.canvas.focus();
    await load(tile);
    this.fit();
  },

  /** Return how much larger than the image's pixels the whole image may be drawn. */
  fitting() {
    const [width, height] = sizeOf(this.tile);
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  },

  /** Return a scale that shows something: between half of the whole image's, or of real pixels, and 64. */
  bounded(scale) { return Math.min(64, Math.max(Math.min(1, this.fitting()) / 2, scale)); },

  measure() {
    const ratio = window.devicePixelRatio || 1;
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
  },

  fit() {
    this.measure();
    const [width, height] = sizeOf(this.tile);
    this.look(width / 2, height / 2, this.fitting());
  },

  /** Show the image's point (x, y) in the middle. */
  look(x, y, scale) {
    this.scale = this.bounded(scale);
    this.left = x - this.canvas.width / 2 / this.scale;
    this.top = y - this.canvas.height / 2 / this.scale;
    this.draw();
  },

  middle() {
    return [this.left + this.canvas.width / 2 / this.scale, this.top + this.canvas.height / 2 / this.scale];
  },

  draw() {
    draw(this.tile, this.canvas, this);
    const [x, y] = this.middle().map(Math.floor);
    const zoom = `${Math.round(this.scale * 100)} %`;
    this.told.textContent = `${zoom}, in the middle ${describe(this.tile, x, y)}`;
  },

  zoom(factor, [x, y] = this.middle()) {
    const before = this.scale;
    const scale = this.bounded(before * factor);
    this.left = x - ((x - this.left) * before) / scale;
    this.top = y - ((y - this.top) * before) / scale;
    this.scale = scale;
    this.draw();
  },

  pan(x, y) {
    this.left += x / this.scale;
    this.top += y / this.scale;
    this.draw();
  },

  /** Go to the next image that is shown, or to the one before. */
  step(by) {
    const shown = [...document.querySelectorAll("#tiles > article:not([hidden])")]
      .map((element) => tiles[Number(element.id.slice(5))]).filter((tile) => tile.canvas);
    const next = shown[shown.indexOf(this.tile) + by];
    if (next) this.show(next);
  },

  /** Return the image's point below the pointer. */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      this.left + ((event.clientX - box.left) * this.canvas.width) / box.width / this.scale,
      this.top + ((event.clientY - box.top) * this.canvas.height) / box.height / this.scale,
    ];
  },

  change(name, value) {
    this.tile.own[name] = value;
    fill(this.group, this.tile.own);
    fill(this.tile.element.querySelector("fieldset"), this.tile.own);
    refresh(this.tile);
    if (name === "grid") this.fit();
    else this.draw();
  },
};

const SHOWN = ["both", "image", "mask"];
const keys = {
  "+": () => viewer.zoom(1.5), "=": () => viewer.zoom(1.5), "-": () => viewer.zoom(1 / 1.5),
  0: () => viewer.fit(), 1: () => viewer.look(...viewer.middle(), 1),
  ArrowLeft: () => viewer.pan(-60, 0), ArrowRight: () => viewer.pan(60, 0),
  ArrowUp: () => viewer.pan(0, -60), ArrowDown: () => viewer.pan(0, 60),
  o: () => viewer.change("outlines", !viewer.tile.own.outlines),
  v: () => viewer.change("show", SHOWN[(SHOWN.indexOf(viewer.tile.own.show) + 1) % SHOWN.length]),
  PageDown: () => viewer.step(1), PageUp: () => viewer.step(-1),
};

viewer.dialog.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select") && !["o", "v"].includes(event.key);
  if (event.ctrlKey || event.metaKey || event.altKey || typing || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
viewer.dialog.addEventListener("click", ({ target }) => {
  const { key } = target.dataset;
  if (key) keys[key]();
  if (target.id === "close") viewer.dialog.close();
});
viewer.dialog.addEventListener("close", () => viewer.tile.element.querySelector(".picture").focus());
listen(viewer.group, (name, value) => viewer.change(name, value));

viewer.canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  viewer.zoom(event.deltaY < 0 ? 1.25 : 0.8, viewer.point(event));
}, { passive: false });

const pressed = new Map(); // fingers or buttons that are down: where each was last
viewer.canvas.addEventListener("pointerdown", (event) => {
  viewer.canvas.setPointerCapture(event.pointerId);
  pressed.set(event.pointerId, [event.clientX, event.clientY]);
});
for (const name of ["pointerup", "pointercancel"]) {
  viewer.canvas.addEventListener(name, (event) => pressed.delete(event.pointerId));
}
viewer.canvas.addEventListener("pointermove", (event) => {
  const last = pressed.get(event.pointerId);
  if (last) {
    const ratio = viewer.canvas.width / viewer.canvas.clientWidth;
    const others = [...pressed].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length) {
      const far = (place) => Math.hypot(place[0] - others[0][0], place[1] - others[0][1]);
      const ends = [far(last), far([event.clientX, event.clientY])];
      if (ends[0] > 0 && ends[1] > 0) viewer.zoom(ends[1] / ends[0], viewer.point(event));
    } else {
      viewer.pan((last[0] - event.clientX) * ratio, (last[1] - event.clientY) * ratio);
    }
    pressed.set(event.pointerId, [event.clientX, event.clientY]);
  }
  const [x, y] = viewer.point(event).map(Math.floor);
  viewer.told.textContent = `${Math.round(viewer.scale * 100)} %, ${describe(viewer.tile, x, y)}`;
});
window.addEventListener("resize", () => { if (viewer.open) viewer.fit(); });

for (const tile of tiles) fill(tile.element.querySelector("fieldset"), tile.own);
fill(document.getElementById("all"), own());
filter();
