"""A picture file -> its ``(size, size, 3)`` uint8 pixels, red, green, blue.

The same for every verb: whatever the container, a picture gives the same pixels (EXIF orientation
applied, transparency composited on white, everything brought to 8-bit RGB), and a file that is not
a whole picture raises `PictureError`. The only package that uses Pillow, and pillow-heif.
A picture that may be whole, of a format or an arrangement that is not read, is told by what it is.

Pillow decodes, but it is not asked what a file is. A file is recognized by its first bytes, its
declared size is compared with `MAX_PIXELS` before memory is taken, and one plugin is called
directly: `PIL.Image.open` would import five plugins (8 ms more), warn about large pictures where
we raise, and try each decoder in turn. JPEG and PNG files are walked here first: Pillow decodes
many damaged ones silently, and stumbles over what the pixels do not need (texts, profiles,
thumbnails, animation), which is taken out.

What cannot be known:

- JPEG has no checksum. A flipped bit, or a few bytes lost, inside the compressed data often decode
  to a slightly different picture. Detected are a cut (also one closed with an end marker), a
  zeroed stretch of baseline data, missing scans, and less data than the size needs at the least.
  A cut within the last block or two, or within the last scan of a progressive file, goes unseen.
- BMP, PPM, GIF, TIFF, AVIF and HEIC have none either: only missing data is noticed, or what the
  decoder stumbles over. The lines that libtiff prints of it on stderr are kept from there, but for
  a Pillow whose libtiff is no library of its own, as on Windows.
- Color profiles and gamma are not applied, and orientation is EXIF's alone, as in browsers; of HEIC
  and AVIF it is the file's own property instead.
- How bright 16 bits are that use 12 at most is not known: they are refused. CMYK of a JPEG is
  inverted, as in browsers, whether Adobe's marker is there or not.
- Color and alpha channels of 16 bits are cut to their high byte by Pillow; gray ones are rounded.

Imports run downwards: `reading` (the way in); `jpeg`, `tiff`; `others`; `pixels`. `folders`,
`evidence` and `weights` stand apart.
"""
