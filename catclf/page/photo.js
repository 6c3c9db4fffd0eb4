// Try a photo: chosen, dropped or pasted, it is decoded and classified on this page.

function listenForPhotos() {
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
  const column = columnOf(pixels);
  const { z, a } = forward(TRAINED, column);
  const maps = mapsOf(contributions(TRAINED.w, column));
  if (HAS_BLOCKS) maps.push(inBlocks(maps[0]));
  fill(
    "photo-result",
    create("p", { class: "answer", "data-probability": a }, ...answered(a)),
    create("meter", { min: 0, max: 1, value: Math.max(a, 1 - a), "aria-label": "its probability" }),
    create(
      "div",
      { class: "figures" },
      figure(
        `what the model sees: ${SIZE} x ${SIZE}`,
        pictureCanvas(pixels, "the photo as the model sees it"),
      ),
      ...maps.map((map) =>
        figure(
          `evidence by ${[map.what, SQUARES[map.what]].filter(Boolean).join(": ")}`,
          mapCanvas(map, limitOf([map]), `evidence by ${map.what}`),
        ),
      ),
    ),
    create(
      "p",
      { class: "soft" },
      `z = ${decimal(z)}, the sum of ${decimal(z - TRAINED.b)} from the picture and the bias b\u00a0=\u00a0${decimal(TRAINED.b)}. `,
      count > 1 ? `You gave ${count} files; this is the first. ` : "",
      ...decoded.doubts,
    ),
  );
  showSteps({ name, column, pixels, label: null });
}
