// A picture file becomes pixels: the browser decodes it, nothing leaves the page.

// What catclf reads, by the first bytes; the last three no browser does, or only some.
const FORMATS = [
  ["JPEG", /^\xff\xd8\xff/],
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["WebP", /^RIFF[^]{4}WEBP/],
  ["GIF", /^GIF8[79]a/],
  ["BMP", /^BM/],
  ["AVIF", /^[^]{4}ftyp([^]{4})*?avi[fs]/],
  ["HEIC", /^[^]{4}ftyp([^]{4})*?(he[iv][cmsx]|mif1|msf1)/],
  ["TIFF", /^(II[*+]\0|MM\0[*+])/],
  ["PPM", /^P[1-6][\s#]/],
];
const PREDICT = "'catclf predict' reads it.";
// How much the probabilities of 127 photographs differed because of it, by three models of each; of
// the network that we bring, those of 41 large mosaics and enlargements of photographs, by two.
const REDUCED = {
  pixels: "by 0.0005 on average, by 0.006 at most",
  "hog-color": "by 0.003 on average, by 0.025 at most",
  backbone: "by 0.003 on average, by 0.02 at most",
};

// Why a file is not classified, in a sentence for the user.
class Refusal extends Error {}

function formatOf(head) {
  const text = String.fromCharCode(...head);
  const found = FORMATS.find(([, signature]) => signature.test(text));
  return found ? found[0] : null;
}

async function headOf(file) {
  try {
    return new Uint8Array(await file.slice(0, 32).arrayBuffer());
  } catch {
    throw new Refusal("This is a folder, or a file that cannot be read.");
  }
}

// Returns {pixels, width, height, doubts}; throws a Refusal.
async function decode(file) {
  const head = await headOf(file);
  const format = formatOf(head);
  if (format === null) {
    throw new Refusal("This is not a picture of JPEG, PNG, WebP, GIF, BMP or AVIF format.");
  }
  if (["HEIC", "TIFF", "PPM"].includes(format)) {
    throw new Refusal(`Browsers cannot read ${format} files. ${PREDICT}`);
  }
  if (altersPixels()) {
    throw new Refusal(
      "This browser alters the pixels that a page reads, as a protection against " +
        "fingerprinting: the probability would be wrong. Allow this page to read canvas data, " +
        "or use another browser, or 'catclf predict'.",
    );
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new Refusal(
      `This browser cannot read the file: a damaged or unusual ${format}. 'catclf predict' tells more.`,
    );
  }
  try {
    const { width, height } = bitmap;
    const pixels = width * height <= DATA.limits.pixels ? pixelsOf(bitmap) : null;
    if (pixels === null) throw new Refusal(`Too large for this page: ${width} x ${height} pixels.`);
    return { width, height, pixels, doubts: doubtsOf(format, head, bitmap) };
  } finally {
    bitmap.close();
  }
}

// What is transparent becomes white. Of a canvas larger than a browser can draw, null: it stays
// transparent.
function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const context = canvasContext(width, height);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  return rgba.at(-1) === 255 ? withoutAlpha(rgba) : null;
}

function canvasContext(width, height) {
  const canvas = create("canvas", { width, height });
  return canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
}

function withoutAlpha(rgba) {
  const pixels = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    pixels[to++] = rgba[from];
    pixels[to++] = rgba[from + 1];
    pixels[to++] = rgba[from + 2];
  }
  return pixels;
}

// Some browsers answer getImageData with noise, so that no site can recognize them by a canvas.
function altersPixels() {
  const side = 32;
  const context = canvasContext(side, side);
  const drawn = context.createImageData(side, side);
  for (let i = 0; i < drawn.data.length; i++)
    drawn.data[i] = i % 4 === 3 ? 255 : (i * i + 7 * i) % 256;
  context.putImageData(drawn, 0, 0);
  const read = context.getImageData(0, 0, side, side).data;
  return read.some((value, i) => value !== drawn.data[i]);
}

// Where `catclf predict` may see other pixels than a browser, in sentences.
function doubtsOf(format, head, { width, height }) {
  const side = FIT === "pad" ? Math.max(width, height) : Math.min(width, height);
  if (format === "JPEG" && side >= 2 * DATA.limits.reduction_margin * SIZE) {
    return [
      "'catclf predict' decodes a JPEG of this size at a reduced scale. Its probability may differ: " +
        `for the photographs that we tried${TWO ? "" : ", with two classes,"} it did ${REDUCED[FEATURES]}.`,
    ];
  }
  const [depth, color] = head.subarray(24, 26); // of a PNG's header
  if (format === "PNG" && depth === 16 && color === 0) {
    return ["Browsers round 16-bit gray in another way: a pixel may differ by one of 255 levels."];
  }
  const hasExif = String.fromCharCode(...head.subarray(12, 16)) === "VP8X" && head[20] & 8;
  if (format === "WebP" && hasExif) {
    return ["Not every browser turns a WebP upright as its EXIF block says: look at the picture."];
  }
  return [];
}
