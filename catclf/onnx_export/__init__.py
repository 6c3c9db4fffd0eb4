"""A model as one ONNX file: the whole way from an RGB picture to its probabilities."""
