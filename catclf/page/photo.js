// Try a photo: chosen, dropped or pasted, it is decoded and classified on this page.

function listenForPhotos() {
  byId("photo-text").append(speaksFor(), ", ", speaksAgainst(), ".");
  byId("file").addEventListener("change", ({ target }) => tryFirst(target.files));
  const drop = byId("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    tryFirst(event.dataTransfer.files);
  });
  document.addEventListener("paste", ({ clipboardData }) => tryFirst(clipboardData.files));
}

async function tryFirst(files) {
  if (files.length === 0) return;
  const [file] = files;
  try {
    showPhoto(await decode(file), file.name || "pasted picture");
  } catch (error) {
    fill("photo-error", named(file.name), `: ${error.message}`);
    fill("photo-result");
  }
}

function showPhoto(decoded, name) {
  const pixels = fitPicture(decoded);
  const column = columnOf(pixels);
  const { z, a } = forward(TRAINED, column);
  const maps = mapsOf(contributions(TRAINED.w, column));
  if (FEATURES === "pixels") maps.push(inBlocks(maps[0]));
  fill("photo-error");
  fill(
    "photo-result",
    create("p", { class: "answer", "data-probability": a }, named(a > 0.5 ? POSITIVE : NEGATIVE)),
    probabilityBar(a),
    create(
      "div",
      { class: "figures" },
      figure(
        `what the model sees: ${SIZE} x ${SIZE}`,
        pictureCanvas(pixels, "the photo as the model sees it"),
      ),
      ...maps.map((map) =>
        figure(
          `evidence by ${map.what}`,
          mapCanvas(map, limitOf([map]), `evidence by ${map.what}`),
        ),
      ),
    ),
    create(
      "p",
      { class: "soft" },
      `z = ${decimal(z - TRAINED.b)} from the picture + b = ${decimal(z)}. `,
      ...decoded.doubts,
    ),
  );
  showSteps({ name, column, pixels, label: null });
}

function probabilityBar(a) {
  const text = [`P(`, named(POSITIVE), `) = ${a.toFixed(4)}`];
  const meter = create("meter", { min: 0, max: 1, value: a, "aria-label": "probability" });
  return create("p", { class: "probability" }, meter, create("span", {}, ...text));
}
