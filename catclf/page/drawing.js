// Pictures and maps on canvases. They are drawn, never read back.

const FOR = [217, 104, 12]; // orange: speaks for the positive class
const AGAINST = [30, 110, 200]; // blue

// A canvas of (side, side, 3) pixels.
function pictureCanvas(pixels, label) {
  const side = Math.sqrt(pixels.length / 3);
  return drawn(side, label, (rgba) => {
    for (let i = 0; i < side ** 2; i++) {
      for (let c = 0; c < 3; c++) rgba[4 * i + c] = pixels[3 * i + c];
      rgba[4 * i + 3] = 255;
    }
  });
}

// A canvas of a map: orange above 0, blue below, the stronger the farther, full at +-`limit`.
function mapCanvas({ side, values }, limit, label) {
  return drawn(side, label, (rgba) => {
    values.forEach((value, i) => {
      rgba.set(value > 0 ? FOR : AGAINST, 4 * i);
      rgba[4 * i + 3] = 255 * Math.min(1, Math.abs(value) / limit);
    });
  });
}

// A picture in gray, and its map over it: only the map has colors.
function overlaidCanvas(pixels, map, limit, label) {
  const side = Math.sqrt(pixels.length / 3);
  const along = (i) => Math.floor((i * map.side) / side);
  return drawn(side, label, (rgba) => {
    for (let i = 0; i < side ** 2; i++) {
      const value = map.values[along(Math.floor(i / side)) * map.side + along(i % side)];
      const gray = 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
      const share = 0.75 * Math.min(1, Math.abs(value) / limit);
      const color = value > 0 ? FOR : AGAINST;
      for (let c = 0; c < 3; c++) rgba[4 * i + c] = gray + (color[c] - gray) * share;
      rgba[4 * i + 3] = 255;
    }
  });
}

function drawn(side, label, draw) {
  const canvas = create("canvas", { class: "picture", width: side, height: side, role: "img" });
  canvas.setAttribute("aria-label", label);
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  draw(image.data);
  context.putImageData(image, 0, 0);
  return canvas;
}

// Where the colors of some maps are full: what only 1 in 200 of their values exceeds, so that a
// single strong one does not pale the rest.
function limitOf(maps) {
  const sizes = new Float64Array(maps.reduce((count, { values }) => count + values.length, 0));
  maps.reduce((at, { values }) => (sizes.set(values.map(Math.abs), at), at + values.length), 0);
  sizes.sort();
  return sizes[Math.ceil(0.995 * sizes.length) - 1] || 1;
}

// The colors from -limit to +limit, and what they are of.
function legend(limit, what = "") {
  return create(
    "div",
    { class: "legend" },
    ...(what ? [create("span", { class: "what" }, what)] : []),
    create("span", {}, signed(-limit)),
    create("span", { class: "scale", role: "img", "aria-label": "blue below 0, orange above" }),
    create("span", {}, signed(limit)),
  );
}

function figure(caption, ...content) {
  return create("figure", {}, ...content, create("figcaption", {}, ...[caption].flat()));
}

// What the colors of a map mean, to stand in a sentence.
function colorKey(forWhat = TWO ? named(POSITIVE) : "the predicted class") {
  return create(
    "span",
    {},
    create("b", { class: "for" }, "orange speaks for ", forWhat),
    ", ",
    create("b", { class: "against" }, "blue against"),
  );
}
