// The training pictures that the model keeps, and how like them a picture is, as
// catclf/neighbors.py finds it.

const NEAREST = 3; // the cosine of the third is the similarity
const NEIGHBORS = DATA.neighbors && readNeighbors(DATA.neighbors);

// {columns: (k, n_x) bytes, squares, labels, names, pictures: JPEGs in base64 or null, floor}
function readNeighbors(data) {
  const bytes = bytesOf(data.columns);
  const columns = data.names.map((_, i) => bytes.subarray(i * N_X, (i + 1) * N_X));
  const squares = columns.map((column) => product(column, column));
  return { ...data, columns, squares, labels: labelsOf(data.labels) };
}

// Products of bytes are added up exactly, in whatever order.
function product(column, other) {
  let sum = 0;
  for (let i = 0; i < N_X; i++) sum += column[i] * other[i];
  return sum;
}

// The similarity of a column to the training pictures, whether it is unlike them, and the nearest,
// best first; null where the model keeps none.
function likenessOf(column) {
  if (NEIGHBORS === null) return null;
  const square = product(column, column);
  const cosines = NEIGHBORS.columns.map(
    (kept, i) => product(column, kept) / Math.max(1, Math.sqrt(square * NEIGHBORS.squares[i])),
  );
  const order = [...cosines.keys()].sort((i, j) => cosines[j] - cosines[i]);
  const nearest = order.slice(0, NEAREST).map((index) => ({ index, cosine: cosines[index] }));
  const similarity = nearest.at(-1).cosine;
  return { similarity, unlike: similarity < NEIGHBORS.floor, nearest };
}

// Why there are no pictures of them, where there are none.
function namesOnlyWords() {
  if (NEIGHBORS === null || NEIGHBORS.pictures !== null) return "";
  return "This dataset is not the one that the model was trained on: there are their names only. ";
}

// One of them: its picture where that is known, its name, its class, and how similar it is.
function neighborFigure({ index, cosine }) {
  const { names, labels, pictures } = NEIGHBORS;
  return figure(
    [
      named(names[index]),
      create("br"),
      unbroken(named(DATA.classes[labels[index]]), ","),
      " ",
      unbroken(`similarity ${cosine.toFixed(2)}`),
    ],
    ...(pictures === null ? [] : [jpegCanvas(pictures[index], names[index])]),
  );
}

// JPEGs are drawn one after the other once the page is open, which 84 of them would delay. They are
// no images of an address, so that the page's policy lets none in.
let lastDrawn = new Promise((resolve) => addEventListener("load", resolve));

function jpegCanvas(base64, label) {
  const canvas = create("canvas", { class: "picture", role: "img", "aria-label": label });
  lastDrawn = lastDrawn.then(() => drawJpeg(canvas, base64));
  return canvas;
}

async function drawJpeg(canvas, base64) {
  const bitmap = await createImageBitmap(new Blob([bytesOf(base64)], { type: "image/jpeg" }));
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
