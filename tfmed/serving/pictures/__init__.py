"""Image files to arrays inside an exported model: what `serve_image_bytes` does before it asks.

- `headers`: which bytes are taken, and what they say of themselves;
- `central`: the centre, resized by areas, for models of data that did not come from files;
- `resampling`: Pillow's bilinear resizing, to the last bit;
- `imported`: the steps of an import, for models of imported files.
"""
