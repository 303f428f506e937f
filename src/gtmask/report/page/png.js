// Exact samples of a PNG of one channel: no browser's decoder, and so no colour management, comes between.

/** Return the bytes that a text in base64 stands for. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Return {header, data} of a PNG: the fields of IHDR, and its IDAT chunks joined. */
function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  const header = {
    width: view.getUint32(16), height: view.getUint32(20), depth: view.getUint8(24),
  };
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return { header, data: new Blob(parts) };
}

/** Undo the filter of one row in place; `above` is the row before it. PNG specification, section 9. */
function undoFilter(kind, row, above) {
  for (let x = 0; x < row.length; x += 1) {
    const left = x > 0 ? row[x - 1] : 0;
    const up = above[x];
    const corner = x > 0 ? above[x - 1] : 0;
    if (kind === 1) row[x] += left;
    else if (kind === 2) row[x] += up;
    else if (kind === 3) row[x] += (left + up) >> 1;
    else if (kind === 4) {
      const guess = left + up - corner;
      const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
      row[x] += a <= b && a <= c ? left : b <= c ? up : corner;
    }
  }
}

/** Return {width, height, samples} of a PNG with one channel of at most 8 bits, not interlaced. */
async function readSamples(bytes) {
  const { header, data } = readChunks(bytes);
  const { width, height, depth } = header;
  const stream = data.stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const rowBytes = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  let above = new Uint8Array(rowBytes);
  for (let y = 0; y < height; y += 1) {
    const start = y * (rowBytes + 1) + 1;
    const row = raw.subarray(start, start + rowBytes);
    if (raw[start - 1] !== 0) undoFilter(raw[start - 1], row, above);
    if (depth === 8) samples.set(row, y * width);
    else {
      for (let x = 0; x < width; x += 1) {
        const bit = x * depth;
        samples[y * width + x] = (row[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
      }
    }
    above = row;
  }
  return { width, height, samples };
}
