// Try a photo: chosen, dropped or pasted, it is decoded and classified on this page.

const CLASSIFIES = !OF_BACKBONE || DATA.network !== null;

function listenForPhotos() {
  if (!CLASSIFIES) return tellToPredict();
  byId("photo-text").append(colorKey(), ".");
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
  const { column, figures, places } = DATA.network === null ? seen(pixels) : seenByNetwork(pixels);
  const { z, a } = forward(TRAINED, column);
  const likeness = likenessOf(column);
  fill(
    "photo-result",
    create("p", { class: "answer", "data-probability": a }, ...answered(a)),
    create("meter", { min: 0, max: 1, value: Math.max(a, 1 - a), "aria-label": "its probability" }),
    ...(likeness?.unlike ? [unlikeWords(likeness)] : []),
    create(
      "div",
      { class: "figures" },
      figure(
        `what the model sees: ${SIZE} x ${SIZE}`,
        pictureCanvas(pixels, "the photo as the model sees it"),
      ),
      ...figures,
    ),
    create(
      "p",
      { class: "soft" },
      `z = ${decimal(z)}, the sum of ${decimal(z - TRAINED.b)} from the picture and the bias b\u00a0=\u00a0${decimal(TRAINED.b)}. `,
      count > 1 ? `You gave ${count} files; this is the first. ` : "",
      ...decoded.doubts,
    ),
    ...(likeness === null ? [] : nearestPictures(likeness)),
  );
  showSteps({ name, column, pixels, label: null, places });
}

// The column of a photo's pixels, and the figures of its evidence.
function seen(pixels) {
  const column = columnOf(pixels);
  const maps = mapsOf(contributions(TRAINED.w, column));
  if (HAS_BLOCKS) maps.push(inBlocks(maps[0]));
  const figures = maps.map((map) =>
    figure(
      `evidence by ${[map.what, SQUARES[map.what]].filter(Boolean).join(": ")}`,
      mapCanvas(map, limitOf([map]), `evidence by ${map.what}`),
    ),
  );
  return { column, figures };
}

function seenByNetwork(pixels) {
  const features = lastMap(pixels);
  const column = columnOfMap(features);
  const map = evidenceByPlace(TRAINED.w, features, column);
  const limit = limitOf([map]);
  const caption = `evidence by ${map.what}`;
  return {
    column,
    places: map,
    figures: [figure([caption, legend(limit)], overlaidCanvas(pixels, map, limit, caption))],
  };
}

function unlikeWords({ similarity }) {
  return create(
    "p",
    { class: "caution" },
    create("b", {}, "This photo is unlike the training pictures. "),
    `Its similarity to them is ${similarity.toFixed(2)}; 99\u00a0% of them have at least ` +
      `${NEIGHBORS.floor.toFixed(2)} among themselves. The model answers one of its two classes whatever it sees.`,
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
