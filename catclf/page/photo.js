// Try a photo: chosen, dropped or pasted, it is decoded and classified on this page.

const CLASSIFIES = !OF_BACKBONE || DATA.network !== null;

function listenForPhotos() {
  if (!CLASSIFIES) return tellToPredict();
  byId("photo-text").append(colorKey(TWO ? named(POSITIVE) : "it"), ".");
  const input = byId("file");
  input.addEventListener("click", () => (input.value = "")); // to choose the same file again
  input.addEventListener("change", () => tryFirst(input.files));
  const drop = byId("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const { files } = event.dataTransfer;
    if (files.length === 0)
      fill("photo-error", "That is not a file: save the picture, and drop it.");
    else tryFirst(files);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length > 0) tryFirst(clipboardData.files);
  });
}

// A network of the user's own is not in the page.
function tellToPredict() {
  const [heading] = byId("photo").children;
  byId("photo").replaceChildren(
    heading,
    create(
      "p",
      {},
      "This model sees pictures through the network ",
      named(DATA.preprocessing.features_name),
      ", which this page does not hold. In a terminal, in the folder of the model's file, this classifies a photo:",
    ),
    create("pre", { class: "panel" }, create("code", {}, DATA.predict)),
  );
}

let photosTried = 0;

async function tryFirst(files) {
  const [file] = files;
  if (file === undefined) return; // the choice was canceled
  const turn = ++photosTried;
  fill("photo-error");
  fill("photo-result", create("p", { class: "soft" }, "Reading ", named(file.name), " …"));
  try {
    const decoded = await decode(file);
    if (turn === photosTried) showPhoto(decoded, file.name, files.length);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn !== photosTried) return; // another was chosen in the meantime
    fill("photo-error", named(file.name), `: ${error.message}`);
    fill("photo-result");
  }
}

function showPhoto(decoded, name, count) {
  const pixels = fitPicture(decoded);
  const map = DATA.network === null ? null : lastMap(pixels);
  const column = map === null ? columnOf(pixels) : columnOfMap(map);
  const places = map && TRAINED.w.map((w) => evidenceByPlace(w, map, column));
  const { z, a } = forward(TRAINED, column);
  const probabilities = byClass(a);
  const neuron = neuronOf(predictedOf(probabilities));
  const likeness = likenessOf(column);
  fill(
    "photo-result",
    create("p", { class: "answer", "data-probability": a[neuron] }, ...answered(probabilities)),
    ...(TWO
      ? [meter(Math.max(...probabilities), "its probability")]
      : probabilityBars(probabilities)),
    ...(likeness?.unlike ? [unlikeWords(likeness)] : []),
    create(
      "div",
      { class: "figures" },
      figure(
        `what the model sees: ${SIZE} x ${SIZE}`,
        pictureCanvas(pixels, "the photo as the model sees it"),
      ),
      ...(map === null
        ? evidenceFigures(contributions(TRAINED.w[neuron], column))
        : [placesFigure(pixels, places[neuron])]),
    ),
    create(
      "p",
      { class: "soft" },
      ...logitWords(z, neuron),
      count > 1 ? `You gave ${count} files; this is the first. ` : "",
      ...decoded.doubts,
    ),
    ...(likeness === null ? [] : nearestPictures(likeness)),
  );
  showSteps({ name, column, pixels, label: null, places });
}

function meter(probability, label) {
  return create("meter", { min: 0, max: 1, value: probability, "aria-label": label });
}

const BARS_SHOWN = 10;

// The probability of each class, the highest first.
function probabilityBars(probabilities) {
  const order = byValue(probabilities);
  const rest = order.slice(BARS_SHOWN).map((label) => probabilities[label]);
  const bars = order.slice(0, BARS_SHOWN).map((label) => {
    const [name, probability] = [CLASSES[label], probabilities[label]];
    return create(
      "tr",
      { "data-label": label, "data-probability": probability },
      create("th", { scope: "row" }, clipped(name)),
      create("td", {}, meter(probability, `probability of ${name}`)),
      create("td", {}, probability.toFixed(4)),
    );
  });
  const table = create(
    "table",
    { class: "bars" },
    create("caption", {}, "The probability of each class"),
    create("tbody", {}, ...bars),
  );
  if (rest.length === 0) return [table];
  const more = `and ${rest.length} more, together ${sumOf(rest).toFixed(4)}`;
  return [table, create("p", { class: "soft" }, more)];
}

function logitWords(z, neuron) {
  const [own, bias] = [z[neuron], TRAINED.b[neuron]];
  const sum =
    `the sum of ${decimal(own - bias)} from the picture and the bias ` +
    `b\u00a0=\u00a0${decimal(bias)}. `;
  if (TWO) return [`z = ${decimal(own)}, ${sum}`];
  const [, second] = byValue(z);
  return [
    "The highest z is that of ",
    named(CLASSES[neuron]),
    `, ${decimal(own)}, ${sum}The second highest is that of `,
    named(CLASSES[second]),
    `, ${decimal(z[second])}. `,
  ];
}

function evidenceFigures(parts) {
  const maps = mapsOf(parts);
  if (HAS_BLOCKS) maps.push(inBlocks(maps[0]));
  return maps.map((map) =>
    figure(
      `evidence by ${[map.what, SQUARES[map.what]].filter(Boolean).join(": ")}`,
      mapCanvas(map, limitOf([map]), `evidence by ${map.what}`),
    ),
  );
}

function placesFigure(pixels, map) {
  const limit = limitOf([map]);
  const caption = `evidence by ${map.what}`;
  return figure([caption, legend(limit)], overlaidCanvas(pixels, map, limit, caption));
}

function unlikeWords({ similarity }) {
  return create(
    "p",
    { class: "caution" },
    create("b", {}, "This photo is unlike the training pictures. "),
    `Its similarity to them is ${similarity.toFixed(2)}; 99\u00a0% of them have at least ` +
      `${NEIGHBORS.floor.toFixed(2)} among themselves. The model answers one of its ` +
      `${TWO ? "two" : CLASSES.length} classes whatever it sees.`,
  );
}

function likeWords(similarity) {
  return (
    `The photo's similarity to the training pictures is ${similarity.toFixed(2)}; ` +
    `below ${NEIGHBORS.floor.toFixed(2)} it would be unlike them.`
  );
}

// Its nearest may be the photo itself: of 500 photographs no two were above 0.983.
function knownWords([{ cosine }]) {
  if (cosine < 0.995) return [];
  const why = ", or nearly the same: its answer tells nothing of how the model does on new ones.";
  return [create("p", {}, create("b", {}, "This is a training picture"), why)];
}

function nearestPictures({ similarity, unlike, nearest }) {
  return [
    create("h3", {}, "The training pictures it is most like"),
    ...knownWords(nearest),
    create(
      "p",
      { class: "soft" },
      `Of the ${NEIGHBORS.names.length} that the model keeps. `,
      ...(unlike ? [] : [`${likeWords(similarity)} `]),
      namesOnlyWords(),
    ),
    create("div", { class: "figures three" }, ...nearest.map(neighborFigure)),
  ];
}
