// What is drawn: an image, and over it the classes of its mask's samples, pixel by pixel.
// A pixel of the picture becomes picture * (1 - opacity) + colour * opacity, in each of red, green and blue.

const UNKNOWN = -1; // a value that the color map does not know: workers see background
const NOTHING = -2; // beyond the mask, or unchanged where changes are shown
const GLARING = [255, 0, 255];
const WHITE = [255, 255, 255];

const page = JSON.parse(document.getElementById("page").textContent);
for (const one of page.classes) {
  one.rgb = [1, 3, 5].map((at) => parseInt(one.color.slice(at, at + 2), 16));
  one.on = !one.background;
}
const unknown = { name: "in no class", rgb: GLARING, on: false };
const classOf = (kind) => (kind === UNKNOWN ? unknown : page.classes[kind]);
const tables = page.maps.map((pairs) => {
  const table = new Int16Array(256).fill(UNKNOWN);
  for (const [value, kind] of pairs) table[value] = kind;
  return table;
});

/** Return the text of an element that holds a picture or a mask, once the browser has read as far as its end. */
async function payload(id) {
  for (;;) {
    const element = document.getElementById(id);
    if (element?.nextElementSibling || document.readyState !== "loading") return element?.textContent ?? "";
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

async function loadPicture(tile) {
  const picture = new Image();
  picture.src = `data:image/webp;base64,${await payload(`picture-${tile.number}`)}`;
  await picture.decode();
  return picture;
}

/** Read a tile's picture and the samples of its masks, once. */
async function load(tile) {
  tile.loading ??= (async () => {
    if (tile.picture) tile.image = await loadPicture(tile);
    for (const [number, layer] of tile.layers.entries()) {
      if (!layer.drawn) continue;
      const mask = await readSamples(bytesOf(await payload(`mask-${tile.number}-${number}`)));
      layer.samples = mask.samples;
    }
  })();
  await tile.loading;
}

/** Forget what `load` read, and the canvas' memory. */
function unload(tile) {
  tile.loading = undefined;
  tile.image = undefined;
  tile.kinds = {};
  for (const layer of tile.layers) layer.samples = undefined;
  tile.canvas.width = 0;
  tile.canvas.height = 0;
  tile.drawn = false;
}

// EXIF's orientations as transforms of a canvas: two columns, and the parts of width and height by which to move.
const TURNS = {
  2: [-1, 0, 0, 1, 1, 0], 3: [-1, 0, 0, -1, 1, 1], 4: [1, 0, 0, -1, 0, 1], 5: [0, 1, 1, 0, 0, 0],
  6: [0, 1, -1, 0, 1, 0], 7: [0, -1, -1, 0, 1, 1], 8: [0, -1, 1, 0, 0, 1],
};

/** Say whether an image is drawn in the other grid than the one that it was made in, and that its mask fits. */
const isTurned = (tile) => tile.turn !== 1 && tile.own.grid !== page.grid;

/** Return width and height of an image, or of its picture, as it is drawn. */
const drawn = (tile, width, height) => (isTurned(tile) && tile.turn > 4 ? [height, width] : [width, height]);
const sizeOf = (tile) => drawn(tile, tile.width, tile.height);

/** Return the class of each of the image's pixels in one layer; samples follow each other row by row. */
function kindsOf(tile, name) {
  if (tile.kinds[name]) return tile.kinds[name];
  const kinds = new Int16Array(tile.width * tile.height).fill(NOTHING);
  if (name === "difference") {
    const [before, after] = ["before", "after"].map((side) => kindsOf(tile, side));
    for (let at = 0; at < kinds.length; at += 1) if (before[at] !== after[at]) kinds[at] = after[at];
  } else {
    const layer = tile.layers.find((one) => one.role === name);
    if (layer?.samples) {
      const table = tables[layer.map];
      const count = Math.min(kinds.length, layer.samples.length);
      for (let at = 0; at < count; at += 1) kinds[at] = table[layer.samples[at]];
    }
  }
  tile.kinds[name] = kinds;
  return kinds;
}

/** Return the layer that a tile shows: its own mask, or what is chosen of before, after and difference. */
function layerName(tile) {
  if (tile.layers.some((layer) => layer.role === tile.own.layer)) return tile.own.layer;
  const roles = tile.layers.map((layer) => layer.role);
  if (tile.own.layer === "difference" && roles.includes("before") && roles.includes("after")) return "difference";
  return roles.at(-1) ?? "mask";
}

/** Return the image's columns (or rows) that `count` pixels of a canvas show from `start` on; -1 beyond. */
function places(count, start, scale, limit) {
  const found = new Int32Array(count);
  for (let at = 0; at < count; at += 1) {
    const place = Math.floor((at + 0.5) / scale + start);
    found[at] = place >= 0 && place < limit ? place : -1;
  }
  return found;
}

/**
 * Draw a part of a tile on a canvas: the image's pixel (x, y) begins at ((x - left) * scale, (y - top) * scale).
 */
function draw(tile, canvas, { left, top, scale }) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { show } = tile.own;
  context.clearRect(0, 0, width, height);
  const [wide, high] = sizeOf(tile);
  const area = [-left * scale, -top * scale, wide * scale, high * scale];
  if (show === "mask" || !tile.image) {
    context.fillStyle = "#ffffff";
    context.fillRect(...area);
  } else {
    context.imageSmoothingEnabled = scale * tile.width < tile.image.naturalWidth;
    if (isTurned(tile)) {
      const [a, b, c, d, x, y] = TURNS[tile.turn];
      context.setTransform(a, b, c, d, area[0] + x * area[2], area[1] + y * area[3]);
      context.drawImage(tile.image, 0, 0, tile.width * scale, tile.height * scale);
      context.resetTransform();
    } else context.drawImage(tile.image, ...area);
  }
  if (show === "image" || !tile.layers.length) return;
  const name = layerName(tile);
  const kinds = kindsOf(tile, name);
  const columns = places(width, left, scale, Math.min(wide, tile.width));
  const rows = places(height, top, scale, Math.min(high, tile.height));
  const shown = context.getImageData(0, 0, width, height);
  blend(shown, kinds, columns, rows, tile, name === "difference");
  context.putImageData(shown, 0, 0);
}

/** Blend classes into a picture; `all` draws background, too, where it is what a change led to. */
function blend(shown, kinds, columns, rows, tile, all) {
  const { data, width, height } = shown;
  const opacity = tile.own.show === "mask" ? 1 : tile.own.opacity;
  const visible = (kind) => kind !== NOTHING && (classOf(kind).on || (all && classOf(kind).background));
  const at = (x, y) => (columns[x] < 0 || rows[y] < 0 ? NOTHING : kinds[rows[y] * tile.width + columns[x]]);
  for (let y = 0; y < height; y += 1) {
    if (rows[y] < 0) continue;
    for (let x = 0; x < width; x += 1) {
      if (columns[x] < 0) continue;
      const kind = at(x, y);
      let painted = visible(kind) ? kind : NOTHING;
      let share = opacity;
      if (tile.own.outlines) {
        const right = x + 1 < width ? at(x + 1, y) : kind;
        const below = y + 1 < height ? at(x, y + 1) : kind;
        const other = right !== kind ? right : below;
        if (other !== kind) {
          if (painted === NOTHING && visible(other)) painted = other;
          share = 1;
        }
      }
      if (painted === NOTHING) continue;
      const rgb = classOf(painted).rgb;
      const place = (y * width + x) * 4;
      data[place + 3] = 255; // at the image's edges the canvas smooths
      for (let part = 0; part < 3; part += 1) {
        data[place + part] = Math.round(data[place + part] * (1 - share) + rgb[part] * share);
      }
    }
  }
}

/** Say what the pixel of an image is: where, its sample's value, and the class that workers see. */
function describe(tile, x, y) {
  const [width, height] = sizeOf(tile);
  if (x < 0 || y < 0 || x >= width || y >= height) return "";
  const told = tile.layers.map((layer) => {
    const value = x < tile.width ? layer.samples?.[y * tile.width + x] : undefined;
    if (value === undefined) return "no mask here";
    const kind = tables[layer.map][value];
    const name = kind === UNKNOWN ? "in no class, workers see background" : page.classes[kind].name;
    return `${layer.role === "mask" ? "" : `${layer.role}: `}value ${value}, ${name}`;
  });
  return `x ${x}, y ${y}: ${told.join("; ") || "no mask"}`;
}
